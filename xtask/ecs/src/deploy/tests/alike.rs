//! Documents that say the same, written in many ways and deployed from their file.

use serde_json::{Value, json};

use super::stage::Stage;
use crate::deploy::normal::tests::grown::{Chance, document, otherwise};
use crate::deploy::normal::tests::model::Model;
use crate::event::Outcome;

#[test]
fn a_document_that_is_written_otherwise_and_says_the_same_is_nothing_to_do() {
    let model = Model::read();
    let mut tried = 0;
    for seed in 0.. {
        if tried == 8 {
            break;
        }
        let mut chance = Chance(seed);
        let mut written = document(&model, &mut chance);
        // The image is of this platform.
        written["runtimePlatform"] = json!({ "cpuArchitecture": "X86_64" });
        if written["requiresCompatibilities"] != json!(["FARGATE"]) {
            continue;
        }
        let other = otherwise(&written, &mut chance);
        let mut stage = Stage::new();
        let mut deploy = |document: &Value| {
            // The first container is the one that the configuration names.
            let text = document.to_string().replace("\"c0\"", "\"app\"");
            stage.write(&serde_json::from_str(&text).unwrap());
            stage.deploy().unwrap_or_else(|failure| panic!("seed {seed}: {failure}\n{document:#}"));
            (stage.outcomes(), stage.revision())
        };
        let (_, revision) = deploy(&written);
        assert_eq!(deploy(&other), (vec![Outcome::NothingToDo], revision), "seed {seed}: {other:#}");
        tried += 1;
    }
}
