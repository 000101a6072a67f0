"""The pages: each file here is a page of the navigation; frame, charts and parts are what they are made of."""
