"""`/mcp`: what an agent can say for its thread, as tools of the Model Context Protocol."""
