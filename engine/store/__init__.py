"""What must survive: typed rows in two databases, one writer thread each."""
