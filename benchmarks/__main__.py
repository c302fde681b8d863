"""make bench: what is measured in minutes. The long runs are soundness and enclosure; their results stand in results/."""

from benchmarks import overhead, sharpness, verification_cost

if __name__ == "__main__":
    overhead.main(7)
    verification_cost.main(7)
    sharpness.main()
