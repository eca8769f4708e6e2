"""What the market says: books, bars, closes and the symbols worth watching."""
