//! A source of lookups of the repository's own: `${port:app}` is what ports.json, which other tools read too, has for `app`.

use anyhow::{Context, Result};
use serde_json::Value;
use xtask_ecs::Xtask;

pub fn with(xtask: Xtask) -> Xtask {
    xtask.lookup("port", |asking, name| -> Result<Value> {
        let text = std::fs::read(asking.root.join("ports.json"))?;
        let ports: Value = serde_json::from_slice(&text)?;
        ports.get(name).cloned().with_context(|| format!("ports.json has none for {name}"))
    })
}
