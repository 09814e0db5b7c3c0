//! The deploy stage: plan, register, update, watch, outcome.

use crate::aws::Session;
use crate::config::Config;
use crate::event::Events;
use crate::failure::{Failure, Result};
use crate::interrupt::Interrupt;

pub struct Options {
    pub plan_only: bool,
}

#[derive(serde::Serialize)]
pub struct Report {}

pub fn run(_: &Config, _: &Session, _: &[String], _: &Options, _: &Events, _: &Interrupt) -> Result<Report> {
    Err(Failure::world("not merged yet"))
}
