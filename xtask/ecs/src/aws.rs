//! The only code that names an AWS SDK type.

pub mod ecr;
pub mod ecs;
