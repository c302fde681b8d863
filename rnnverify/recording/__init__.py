"""What layers compute, taken down while they compute it: arrays that know how they came about, by whose names."""
