//! A stand-in for Amazon ECR and ECS on loopback: rollouts are simulated, faults are injected.

pub mod clock;
pub mod ecs;
pub mod fault;
pub mod protocol;
