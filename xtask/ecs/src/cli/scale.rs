use std::str::FromStr;

use clap::Args;

use super::{Format, to_json};
use crate::config::MOST_COUNTED;
use crate::context::Context;
use crate::failure;
use crate::operate::scale::{To, scale};

/// Set how many tasks a service has, or the bounds between which Auto Scaling decides
#[derive(Args)]
#[command(
    after_help = "A count outside the bounds of Auto Scaling is refused, for it would be undone at once. Tasks come and go after this command: `cargo xtask status` shows them."
)]
pub(crate) struct Scale {
    /// The service, by its name in the configuration
    service: String,
    /// The desired count, or the least and the most, such as `4` or `2..10`
    #[arg(value_name = "N|MIN..MAX")]
    to: Wanted,
    /// What goes to stdout
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Clone, Copy)]
struct Wanted(To);

impl FromStr for Wanted {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const RULE: &str = "it is a count, such as `4`, or bounds, such as `2..10`";
        let count = |text: &str| text.parse::<u32>().ok().filter(|count| *count <= MOST_COUNTED).ok_or(RULE);
        let Some((min, max)) = text.split_once("..") else { return Ok(Self(To::Count(count(text)?))) };
        let (min, max) = (count(min)?, count(max)?);
        if min > max { Err("the least is above the most") } else { Ok(Self(To::Bounds(min, max))) }
    }
}

impl Scale {
    pub(crate) fn run(self, context: &Context) -> failure::Result<()> {
        let done = scale(context, &self.service, self.to.0)?;
        if self.format == Format::Json {
            context.print(to_json(&done)?);
        }
        Ok(())
    }
}
