use clap::Args;

use super::{Format, to_json};
use crate::config::task_named;
use crate::context::Context;
use crate::failure::Result;
use crate::stage::Ended;

/// Run a one-off task, such as a migration, to its end
#[derive(Args)]
#[command(after_help = "\
What runs is the released digest, with the network and the capacity of the task's service. One that is under way is joined.

Exit codes: 0 ended with 0, or ran before · 1 the world failed · 2 usage or configuration · 7 timed out · \
8 the image is not in ECR · 9 it ran and failed · 130 interrupted")]
pub(crate) struct Run {
    /// The task, by its name in the configuration
    task: String,
    /// What is added to its command
    #[arg(last = true, value_name = "ARGS")]
    arguments: Vec<String>,
    /// Start another one, whatever is known of one before it
    #[arg(long)]
    again: bool,
    /// Say what would happen, and do nothing
    #[arg(long)]
    pub(super) plan: bool,
    /// What goes to stdout
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

impl Run {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        // A wrong name is told of before credentials are looked for.
        task_named(&context.drafted()?.config, &self.task)?;
        let tasks = context.tasks()?.arguments(&self.arguments).again(self.again);
        let plan = tasks.plan(&self.task)?;
        let Ended { done, result } =
            if self.plan { Ended { done: plan.report(), result: Ok(()) } } else { tasks.run_planned(&plan) };
        if self.format == Format::Json {
            context.print(to_json(&done)?);
        }
        result
    }
}
