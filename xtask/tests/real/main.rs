//! The whole binary on real parts: other people's clients, docker engines and scanners. Each test is ignored but by
//! `cargo xtask ci`, which starts the parts.

mod act;
mod clients;
mod native;
mod parts;
#[cfg(feature = "rehearse")]
mod rehearsal;
mod release;
#[path = "../../ecs/tests/sample/mod.rs"]
mod sample;
