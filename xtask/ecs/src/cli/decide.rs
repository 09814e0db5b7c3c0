use clap::Args;

use crate::context::Context;
use crate::failure::Result;
use crate::operate::decide::{Which, decide};

/// Let a rollout that waits for a decision go on, or roll it back
#[derive(Args)]
pub(crate) struct Continue {
    /// The service, by its name in the configuration
    service: String,
    /// The hook to answer; the only one that waits by default
    #[arg(long, value_name = "ID", conflicts_with = "all")]
    hook: Option<String>,
    /// Answer every hook that waits
    #[arg(long)]
    all: bool,
    /// Refuse: ECS rolls the service back
    #[arg(long)]
    roll_back: bool,
}

impl Continue {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        let which = match self.hook {
            Some(id) => Which::Id(id),
            None if self.all => Which::All,
            None => Which::Only,
        };
        decide(context, &self.service, &which, self.roll_back)
    }
}
