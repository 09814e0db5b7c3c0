//! The deploy stage: plan, register, update, watch, outcome.
