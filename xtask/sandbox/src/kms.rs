//! Key Management Service: keys that sign.
//! Source: AWS KMS API Reference, version 2014-11-01, Sign, GetPublicKey; AWS KMS Developer Guide, "Key states".

use std::collections::BTreeMap;
use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, SHA384, digest};
use serde_json::{Value, json};

use crate::ecr::digest_of;
use crate::home::Home;
use crate::protocol::{ApiError, ApiResult};
use crate::tables::{Tables, unknown};

mod curve;
mod rsa;

use curve::Curve;
use rsa::Rsa;

pub(crate) static TABLES: LazyLock<Tables> = Tables::lazy(|| {
    let (inputs, answers) = (include_str!("kms/members.txt"), include_str!("kms/answers.txt"));
    Tables::new(inputs, answers, |_| None, "ValidationException")
});

/// What a key is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spec {
    Curve(Curve),
    Rsa(usize),
    Encrypts,
}

/// Specs by their names; of others there are no keys here.
const SPECS: [(&str, Spec); 6] = [
    ("ECC_NIST_P256", Spec::Curve(Curve::P256)),
    ("ECC_NIST_P384", Spec::Curve(Curve::P384)),
    ("RSA_2048", Spec::Rsa(2048)),
    ("RSA_3072", Spec::Rsa(3072)),
    ("RSA_4096", Spec::Rsa(4096)),
    ("SYMMETRIC_DEFAULT", Spec::Encrypts),
];

/// What somebody says of a key that is to be there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wish {
    /// A name of `SPECS`.
    pub spec: String,
    /// `Enabled`, `Disabled` or `PendingDeletion`.
    pub state: String,
    /// Other accounts that its own policy lets use it.
    pub accounts: Vec<String>,
    /// `KEY_AGREEMENT`, of a key that could sign and is not for it.
    pub usage: Option<String>,
}

/// What signs, and whose other half verifies.
#[derive(Debug)]
enum Pair {
    Curve(curve::Pair),
    Rsa(Rsa),
}

#[derive(Debug)]
struct Key {
    wish: Wish,
    pair: Option<Pair>,
}

/// The keys of one account in one region.
#[derive(Debug, Default)]
pub(crate) struct Kms {
    /// By id.
    keys: BTreeMap<String, Key>,
}

/// What a key id of a request is about.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub home: Home,
    pub arn: String,
    /// Where it is asked for by one.
    pub alias: Option<String>,
}

/// The id of a key that is known by its alias or its id.
fn id_of(name: &str) -> String {
    if !name.starts_with("alias/") {
        return name.to_owned();
    }
    let hash = &digest_of(name.as_bytes())[7..39];
    format!("{}-{}-{}-{}-{}", &hash[..8], &hash[8..12], &hash[12..16], &hash[16..20], &hash[20..])
}

/// Where a key is, whether it is there or not: by its ARN in its own account, else in the caller's.
pub(crate) fn asked(here: &Home, input: &Value) -> Asked {
    let wanted = input["KeyId"].as_str().unwrap_or_default();
    let parts: Vec<&str> = wanted.splitn(6, ':').collect();
    let (home, name) = match parts.as_slice() {
        ["arn", _, "kms", region, account, name] => (Home::new(*account, *region), *name),
        _ => (here.clone(), wanted),
    };
    let name = name.strip_prefix("key/").unwrap_or(name);
    let arn = format!("arn:aws:kms:{}:{}:key/{}", home.region, home.account, id_of(name));
    Asked { alias: name.starts_with("alias/").then(|| name.to_owned()), home, arn }
}

impl Kms {
    /// Has a key be there; one that is there of the same spec stays the same key.
    pub fn put(&mut self, name: &str, wish: Wish) -> Result<(), String> {
        let names = SPECS.map(|(name, _)| name).join(", ");
        let spec = SPECS.iter().find(|(name, _)| *name == wish.spec).map(|(_, spec)| *spec);
        let spec = spec.ok_or_else(|| format!("`{}` is none of {names}", wish.spec))?;
        if !["Enabled", "Disabled", "PendingDeletion"].contains(&wish.state.as_str()) {
            return Err(format!("`{}` is none of Enabled, Disabled, PendingDeletion", wish.state));
        }
        let id = id_of(name.strip_prefix("key/").unwrap_or(name));
        let before = self.keys.remove(&id).filter(|before| before.wish.spec == wish.spec).and_then(|key| key.pair);
        let pair = match spec {
            Spec::Curve(curve) => before.or_else(|| Some(Pair::Curve(curve::Pair::new(curve)))),
            Spec::Rsa(bits) => Some(Pair::Rsa(Rsa::of(bits))),
            Spec::Encrypts => None,
        };
        self.keys.insert(id, Key { wish, pair });
        Ok(())
    }

    /// `home` is the key's; `caller` the account that asks.
    pub fn call(&self, asked: &Asked, caller: &str, operation: &str, input: Value) -> ApiResult {
        let input = &TABLES.check(operation, input)?;
        match operation {
            "GetPublicKey" => self.get_public_key(asked, caller),
            "Sign" => self.sign(asked, caller, input),
            _ => Err(unknown(operation)),
        }
    }

    fn find(&self, asked: &Asked, caller: &str, action: &str) -> Result<&Key, ApiError> {
        let Asked { home, arn, alias } = asked;
        let id = arn.rsplit('/').next().unwrap_or_default();
        let missing = || {
            let what = match alias {
                Some(alias) => format!("Alias arn:aws:kms:{}:{}:{alias} is not found.", home.region, home.account),
                None => format!("Key '{arn}' does not exist"),
            };
            ApiError::new("NotFoundException", what)
        };
        let key = self.keys.get(id).ok_or_else(missing)?;
        if home.account != caller && !key.wish.accounts.iter().any(|account| account == caller) {
            let message = format!(
                "User: arn:aws:iam::{caller}:user/sandbox is not authorized to perform: {action} on resource: {arn} because no \
                 resource-based policy allows the {action} action"
            );
            return Err(ApiError::new("AccessDeniedException", message));
        }
        match key.wish.state.as_str() {
            "Disabled" => Err(ApiError::new("DisabledException", format!("{arn} is disabled."))),
            "PendingDeletion" => Err(ApiError::new("KMSInvalidStateException", format!("{arn} is pending deletion."))),
            _ => Ok(key),
        }
    }

    fn get_public_key(&self, asked: &Asked, caller: &str) -> ApiResult {
        let key = self.find(asked, caller, "kms:GetPublicKey")?;
        let Some(pair) = &key.pair else {
            let message = format!("{} is a symmetric key, which has no public half.", asked.arn);
            return Err(ApiError::new("UnsupportedOperationException", message));
        };
        let mut answer = json!({
            "KeyId": asked.arn,
            "PublicKey": STANDARD.encode(pair.public()),
            "CustomerMasterKeySpec": key.wish.spec,
            "KeySpec": key.wish.spec,
            "KeyUsage": key.usage(),
        });
        if key.usage() == "SIGN_VERIFY" {
            answer["SigningAlgorithms"] = json!([pair.algorithm()]);
        } else {
            answer["KeyAgreementAlgorithms"] = json!(["ECDH"]);
        }
        Ok(answer)
    }

    fn sign(&self, asked: &Asked, caller: &str, input: &Value) -> ApiResult {
        let key = self.find(asked, caller, "kms:Sign")?;
        let Some(pair) = key.pair.as_ref().filter(|_| key.usage() == "SIGN_VERIFY") else {
            let message = format!("{} key usage is {} which is not valid for Sign.", asked.arn, key.usage());
            return Err(ApiError::new("InvalidKeyUsageException", message));
        };
        let algorithm = input["SigningAlgorithm"].as_str().unwrap_or_default();
        if algorithm != pair.algorithm() {
            let message = format!("Algorithm {algorithm} and key spec {} are incompatible.", key.wish.spec);
            return Err(ApiError::new("InvalidKeyUsageException", message));
        }
        let invalid = |message: String| ApiError::new("ValidationException", message);
        let message = STANDARD.decode(input["Message"].as_str().unwrap_or_default());
        let message = message.map_err(|error| invalid(error.to_string()))?;
        let hash = if algorithm == "ECDSA_SHA_384" { &SHA384 } else { &SHA256 };
        let signature = match input["MessageType"].as_str().unwrap_or("RAW") {
            "DIGEST" if message.len() == hash.output_len() => pair.sign(&message),
            "RAW" => pair.sign(digest(hash, &message).as_ref()),
            "DIGEST" => return Err(invalid(format!("Digest is invalid length for algorithm {algorithm}."))),
            other => return Err(invalid(format!("{other} is none of this key's message types."))),
        };
        let signature = STANDARD.encode(signature);
        Ok(json!({ "KeyId": asked.arn, "Signature": signature, "SigningAlgorithm": algorithm }))
    }
}

impl Pair {
    /// Of those that KMS has for such a key the one that is made here.
    fn algorithm(&self) -> &'static str {
        match self {
            Self::Curve(curve::Pair::P256(_)) => "ECDSA_SHA_256",
            Self::Curve(curve::Pair::P384(_)) => "ECDSA_SHA_384",
            Self::Rsa(_) => "RSASSA_PKCS1_V1_5_SHA_256",
        }
    }

    /// A SubjectPublicKeyInfo.
    fn public(&self) -> Vec<u8> {
        match self {
            Self::Curve(pair) => pair.public(),
            Self::Rsa(key) => key.public(),
        }
    }

    fn sign(&self, digest: &[u8]) -> Vec<u8> {
        match self {
            Self::Curve(pair) => pair.sign(digest),
            Self::Rsa(key) => key.sign(digest),
        }
    }
}

impl Key {
    fn usage(&self) -> &str {
        let of_spec = if self.pair.is_some() { "SIGN_VERIFY" } else { "ENCRYPT_DECRYPT" };
        self.wish.usage.as_deref().unwrap_or(of_spec)
    }
}
