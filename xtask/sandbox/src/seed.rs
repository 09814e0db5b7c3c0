//! What a sandbox holds from the start, as a document.

use serde_json::{Map, Value, json};

use crate::Sandbox;
use crate::cloudformation::Output;
use crate::elasticloadbalancing::Checks;
use crate::iam::Role;
use crate::kms::Wish;
use crate::site::Site;

impl Sandbox {
    /// Puts what lookups read: one document, or a list of them, each of an account and a region where it names them.
    ///
    /// ```
    /// # use serde_json::json;
    /// # let sandbox = xtask_sandbox::Sandbox::start(xtask_sandbox::Options::default())?;
    /// sandbox.seed(&json!({
    ///     "account": "123456789012",
    ///     "region": "eu-west-1",
    ///     "ssm": {"/app/port": "8080", "/app/subnets": ["a", "b"], "/app/key": {"type": "SecureString", "value": "x"}},
    ///     "cloudformation": {"network": {"VpcId": "vpc-1", "Subnet": {"value": "subnet-1", "export": "network-subnet"}}},
    ///     "s3": {"states": {"app/terraform.tfstate": {"version": 4}, "note.txt": "text"}},
    ///     "secretsmanager": {"app/password": "correct horse"},
    ///     "iam": {"app": {"services": ["ecs-tasks.amazonaws.com"], "allows": {"ssm:GetParameters": "*"}}},
    ///     "elasticloadbalancing": {"blue": {"path": "/health", "port": "8081", "matcher": "200-299"}},
    ///     "lambda": {"smoke-test": "Active"},
    ///     "kms": {"alias/evidence": "ECC_NIST_P256", "alias/old": {"spec": "ECC_NIST_P384", "state": "Disabled"}},
    ///     "logs": {"/ecs/app": {"app/app/0123456789abcdef": "first line\nsecond line"}},
    /// }))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// The error says which member is none that it knows, or not of the form that it has.
    pub fn seed(&self, document: &Value) -> Result<(), String> {
        match document {
            Value::Array(documents) => documents.iter().try_for_each(|document| self.seed(document)),
            Value::Object(members) => {
                let text = |member: &str, default: &str| match members.get(member) {
                    None => Ok(default.to_owned()),
                    Some(value) => value.as_str().map(str::to_owned).ok_or_else(|| format!("`{member}` is no text")),
                };
                let (account, region) = (text("account", &self.home.account)?, text("region", &self.home.region)?);
                self.site(&account, &region).seed(members)
            }
            _ => Err("a seed is an object, or a list of them".to_owned()),
        }
    }
}

impl Site<'_> {
    fn seed(&self, members: &Map<String, Value>) -> Result<(), String> {
        for (service, things) in members.iter().filter(|(name, _)| *name != "account" && *name != "region") {
            let things = things.as_object().ok_or_else(|| format!("`{service}` is no object"))?;
            for (name, value) in things {
                let put = match service.as_str() {
                    "ssm" => self.seed_parameter(name, value),
                    "cloudformation" => self.seed_stack(name, value),
                    "s3" => self.seed_bucket(name, value),
                    "secretsmanager" => self.seed_secret(name, value),
                    "iam" => self.seed_role(name, value),
                    "elasticloadbalancing" => self.seed_target_group(name, value),
                    "lambda" => self.seed_function(name, value),
                    "logs" => self.seed_log(name, value),
                    "kms" => self.seed_key(name, value),
                    _ => return Err(format!("`{service}` is none of {SERVICES}")),
                };
                put.map_err(|error| format!("`{service}`, `{name}`: {error}"))?;
            }
        }
        Ok(())
    }

    fn seed_parameter(&self, name: &str, value: &Value) -> Result<(), String> {
        let (kind, value) = match value {
            Value::String(text) => ("String", text.clone()),
            Value::Array(_) => ("StringList", texts(value)?.join(",")),
            _ => match (value["type"].as_str(), value["value"].as_str()) {
                (Some(kind), Some(text)) => (kind, text.to_owned()),
                _ => return Err("it is a text, a list of texts, or {type, value}".to_owned()),
            },
        };
        let input = json!({"Name": name, "Type": kind, "Value": value, "Overwrite": true});
        self.call("ssm", "PutParameter", input).map(drop).map_err(|error| error.to_string())
    }

    fn seed_role(&self, name: &str, value: &Value) -> Result<(), String> {
        let members = value.as_object().ok_or("it is an object of services and allows")?;
        if let Some(other) = members.keys().find(|member| !["services", "allows"].contains(&member.as_str())) {
            return Err(format!("a role has no `{other}`"));
        }
        let services = members.get("services").map_or(Ok(Vec::new()), texts)?;
        let allows = members.get("allows").map(|allows| allows.as_object().ok_or("`allows` is an object"));
        let allows = allows
            .transpose()?
            .into_iter()
            .flatten()
            .map(|(action, on)| Ok((action.clone(), on.as_str().ok_or("a resource is a text")?.to_owned())));
        let services = services.into_iter().map(str::to_owned).collect();
        let role = Role { services, allows: allows.collect::<Result<_, String>>()? };
        self.lock().put_role(&self.home, name, role);
        Ok(())
    }

    fn seed_stack(&self, name: &str, outputs: &Value) -> Result<(), String> {
        let outputs = outputs.as_object().ok_or("it is an object of outputs")?.iter().map(|(key, output)| {
            let text = |value: &Value| value.as_str().map(str::to_owned);
            let value = text(output).or_else(|| text(&output["value"]));
            let value = value.ok_or_else(|| format!("output `{key}` is a text, or {{value, export}}"))?;
            Ok(Output { key: key.clone(), value, export: text(&output["export"]) })
        });
        let outputs = outputs.collect::<Result<Vec<_>, String>>()?;
        self.lock().put_stack(&self.home, name, outputs);
        Ok(())
    }

    fn seed_bucket(&self, bucket: &str, objects: &Value) -> Result<(), String> {
        for (key, content) in objects.as_object().ok_or("it is an object of keys and contents")? {
            let content = content.as_str().map_or_else(|| content.to_string(), str::to_owned);
            self.put_object(bucket, key, content.as_bytes());
        }
        Ok(())
    }

    fn seed_secret(&self, name: &str, value: &Value) -> Result<(), String> {
        let value = value.as_str().ok_or("it is a text")?;
        self.lock().put_secret(&self.home, name, value);
        Ok(())
    }

    fn seed_function(&self, name: &str, value: &Value) -> Result<(), String> {
        let state = value.as_str().ok_or("it is a function's state, such as Active")?;
        self.lock().put_function(&self.home, name, state);
        Ok(())
    }

    fn seed_target_group(&self, name: &str, value: &Value) -> Result<(), String> {
        let mut checks = Checks::default();
        for (member, value) in value.as_object().ok_or("it is an object of path, port and matcher")? {
            let place = match member.as_str() {
                "path" => &mut checks.path,
                "port" => &mut checks.port,
                "matcher" => &mut checks.matcher,
                other => return Err(format!("`{other}` is none of path, port and matcher")),
            };
            value.as_str().ok_or_else(|| format!("`{member}` is no text"))?.clone_into(place);
        }
        self.lock().put_target_group(&self.home, name, checks);
        Ok(())
    }

    /// A spec, or an object of spec, state, usage and the other accounts that the key's own policy names.
    fn seed_key(&self, name: &str, value: &Value) -> Result<(), String> {
        let mut wish = Wish { state: "Enabled".to_owned(), ..Wish::default() };
        if let Some(spec) = value.as_str() {
            spec.clone_into(&mut wish.spec);
            return self.lock().put_key(&self.home, name, wish);
        }
        for (member, value) in
            value.as_object().ok_or("it is a spec, or an object of spec, state, usage and accounts")?
        {
            let text = || value.as_str().map(str::to_owned).ok_or_else(|| format!("`{member}` is no text"));
            match member.as_str() {
                "spec" => wish.spec = text()?,
                "state" => wish.state = text()?,
                "usage" => wish.usage = Some(text()?),
                "accounts" => wish.accounts = texts(value)?.into_iter().map(str::to_owned).collect(),
                other => return Err(format!("`{other}` is none of spec, state, usage and accounts")),
            }
        }
        self.lock().put_key(&self.home, name, wish)
    }

    /// The last line of each stream was written just now, and a thousand a second before it.
    fn seed_log(&self, group: &str, streams: &Value) -> Result<(), String> {
        for (stream, text) in streams.as_object().ok_or("it is an object of streams")? {
            let text = text.as_str().ok_or_else(|| format!("stream `{stream}` is no text"))?;
            self.lock().write_logs(&self.home, group, stream, text);
        }
        Ok(())
    }

    /// Puts an object into a bucket, which is made here where nobody has one of this name.
    pub fn put_object(&self, bucket: &str, key: &str, bytes: &[u8]) {
        self.lock().put_object(&self.home, bucket, key, bytes);
    }
}

const SERVICES: &str = "ssm, cloudformation, s3, secretsmanager, iam, elasticloadbalancing, lambda, logs, kms";

fn texts(list: &Value) -> Result<Vec<&str>, String> {
    let items = list.as_array().into_iter().flatten();
    items.map(|item| item.as_str().ok_or_else(|| "a list holds texts".to_owned())).collect()
}
