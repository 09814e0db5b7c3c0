//! The upload: what a layout holds and a registry lacks, streamed and verified.
