"""What arrives: one pydantic model per wire shape, and the field's enumerations; no I/O."""
