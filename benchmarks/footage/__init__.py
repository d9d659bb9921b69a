"""Table "Video" of the benchmarks: clips, noise, measures and everything that is compared on them."""
