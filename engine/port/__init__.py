"""What a seat may ask, see and be told; imports nothing else of the engine."""
