//! A client of the repository's own, with the stages' credentials: `cargo xtask clusters` lists what ECS has.

use xtask_ecs::{Command, Context, Xtask};

/// List the clusters of the account
#[derive(clap::Parser)]
#[command(name = "clusters")]
struct Clusters;

impl Command for Clusters {
    fn run(self, context: &Context) -> anyhow::Result<()> {
        let client = aws_sdk_ecs::Client::new(context.aws()?);
        let answer = context.block_on(client.list_clusters().send())?;
        answer.cluster_arns().iter().for_each(|arn| context.print(arn));
        Ok(())
    }
}

pub fn with(xtask: Xtask) -> Xtask {
    xtask.command::<Clusters>()
}
