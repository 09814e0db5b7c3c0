//! Images with `builder`, by what the repository's xtask brings.

use std::collections::BTreeMap;

use super::{Build, Order};
use crate::config::OwnBuilder;
use crate::failure::{Failure, Result};

/// The builders that a repository brings, by name.
pub type Builders = BTreeMap<String, Box<dyn Fn(&Order<'_>) -> anyhow::Result<()> + Sync>>;

pub(super) struct Named<'a> {
    pub own: &'a OwnBuilder,
    pub builders: &'a Builders,
}

impl Build for Named<'_> {
    fn build(&self, order: &Order<'_>) -> Result<()> {
        let builder = &self.own.builder;
        // A plan has looked for it.
        let build =
            self.builders.get(builder).ok_or_else(|| Failure::world(format!("there is no builder {builder}")))?;
        let failed = |error: anyhow::Error| {
            Failure::from(error).during(format_args!("builder `{builder}`, for image `{}`", order.image.name))
        };
        build(order).map_err(|error| error.downcast().unwrap_or_else(failed))
    }
}
