"""What hop 4 asks and looks up before it decides, and what people say about runs."""
