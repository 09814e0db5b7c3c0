//! The sizes that a task can have on Fargate.
//! Source: Amazon ECS Developer Guide, "Fargate task definition parameters", task CPU and memory.

/// vCPU units, and the least, the greatest and the steps of the memory that goes with them, in MiB.
pub(super) const SIZES: [(u64, u64, u64, u64); 7] = [
    (256, 512, 2048, 512),
    (512, 1024, 4096, 1024),
    (1024, 2048, 8192, 1024),
    (2048, 4096, 16384, 1024),
    (4096, 8192, 30720, 1024),
    (8192, 16384, 61440, 4096),
    (16384, 32768, 122_880, 8192),
];

/// Whether so much memory goes with one of the sizes.
pub(super) fn takes((cpu, least, most, step): (u64, u64, u64, u64), memory: u64) -> bool {
    // The smallest size has 0.5, 1 and 2 GB.
    (least..=most).contains(&memory) && memory.is_multiple_of(step) && (cpu != 256 || memory != 1536)
}

/// The smallest size that holds so many vCPU units (1024 are one vCPU) and MiB of memory, in the same units; where none does,
/// the largest.
pub fn fargate_size(cpu: u64, memory: u64) -> (u64, u64) {
    let holds = |(units, _, most, _): &&(u64, u64, u64, u64)| *units >= cpu && *most >= memory;
    let size = *SIZES.iter().find(holds).unwrap_or(&SIZES[SIZES.len() - 1]);
    let (units, mut fitting, most, step) = size;
    while fitting < most && (fitting < memory || !takes(size, fitting)) {
        fitting += step;
    }
    (units, fitting)
}

#[cfg(test)]
mod tests {
    use super::fargate_size;

    #[test]
    fn a_container_gets_the_smallest_size_of_fargate_that_holds_it() {
        for ((cpu, memory), size) in [
            ((0, 0), (256, 512)),
            ((128, 600), (256, 1024)),
            ((256, 1100), (256, 2048)),
            ((256, 3000), (512, 3072)),
            ((512, 512), (512, 1024)),
            ((1500, 5000), (2048, 5120)),
            ((8192, 17_000), (8192, 20_480)),
            ((99_999, 1), (16384, 32768)),
            ((1, 999_999), (16384, 122_880)),
        ] {
            assert_eq!(fargate_size(cpu, memory), size, "{cpu} {memory}");
        }
    }
}
