//! Images with `package`, by the native builder.

use super::super::push;
use super::{Build, Order, compilation, told};
use crate::aws::ecr::Ecr;
use crate::binary;
use crate::config::{Package, repository};
use crate::failure::Result;
use crate::image;

pub(super) struct Native<'a> {
    pub package: &'a Package,
    /// For a base that is in this workspace's registry.
    pub ecr: &'a Ecr,
}

impl Build for Native<'_> {
    fn build(&self, order: &Order<'_>) -> Result<()> {
        let Self { package, ecr } = self;
        let Order { config, image, commit, into, events, interrupt } = order;
        let request = binary::Request {
            program: package.program.clone(),
            target: package.target.clone(),
            profile: package.profile.clone(),
            ..compilation(order)
        };
        let binary = binary::build(&request, events, interrupt).map_err(|failure| told(failure, image))?;
        let request = image::Request {
            package,
            binary: &binary,
            commit,
            root: repository(&config.root),
            cache: config.target.join("xtask/cache"),
            registry: &|host| push::registry(config, ecr, host, interrupt),
        };
        image::build(&request, into, events, interrupt)?;
        Ok(())
    }
}
