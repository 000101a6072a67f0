"""Evidence packs for auditors: questions, answers and a seal."""
