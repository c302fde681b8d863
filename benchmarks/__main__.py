"""make bench: what is measured in minutes. The long runs are soundness and enclosure; their results stand in results/."""

from benchmarks import memory, overhead, sharpness, verification_cost

if __name__ == "__main__":
    overhead.main(7)
    verification_cost.main(21)
    memory.main(100_000)
    sharpness.main()
