//! The whole binary against the sandbox, a module a feature: one program, because linking is most of what a test costs.

#![expect(clippy::unwrap_used, reason = "a test may end there")]

mod assemble;
mod back;
mod bad_days;
mod by_digest;
mod canary;
mod causes;
mod config;
#[cfg(feature = "rehearse")]
mod console;
mod crashes;
mod daemon;
mod deploy;
mod environments;
mod evidence;
mod exec;
mod express;
mod fail_fast;
mod help;
mod images;
mod in_earnest;
mod large;
mod lock;
mod logs;
mod lookups;
mod many;
mod native;
mod network;
mod other_ci;
mod pages;
mod people;
mod plan;
mod platforms;
mod policy;
mod promote;
mod reference;
mod registries;
#[cfg(feature = "rehearse")]
mod rehearse;
mod release;
#[path = "../../ecs/tests/sample/mod.rs"]
mod sample;
mod scale;
mod scan;
mod schedules;
mod service_definition;
mod shift;
mod signed;
#[cfg(feature = "rehearse")]
mod simulate;
mod sources;
mod status;
mod support;
mod tags;
mod tasks;
mod verify;
