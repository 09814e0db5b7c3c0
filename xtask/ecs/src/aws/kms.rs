//! A key that signs. Source: AWS KMS API Reference, GetPublicKey and Sign.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::calls::Call;
use super::signed::{Api, Signed};
use super::{AwsError, Kind, SdkConfig, calls};

/// What to do where a key is of a kind that does not sign.
pub(crate) const MADE_BY: &str =
    "a key that signs evidence is made by `aws kms create-key --key-usage SIGN_VERIFY --key-spec ECC_NIST_P256`";

const KMS: Api = Api { id: "KMS", target: "TrentService" };

/// One key, in the region that its ARN names. Methods block.
pub(crate) struct Kms {
    signed: Signed,
    /// An ARN or an alias.
    key: String,
}

/// What KMS says of a key's public half.
pub(crate) struct Public {
    /// A SubjectPublicKeyInfo.
    pub der: Vec<u8>,
    /// Such as `ECC_NIST_P256`.
    pub spec: String,
    /// Such as `SIGN_VERIFY`.
    pub usage: String,
}

impl Kms {
    pub(super) fn new(sdk: &SdkConfig, key: &str) -> Self {
        let here = Signed::new(sdk);
        let signed = match key.split(':').nth(3) {
            Some(region) if region != here.region() => here.in_region(region.to_owned()),
            _ => here,
        };
        Self { signed, key: key.to_owned() }
    }

    pub(crate) fn public(&self) -> Result<Public, AwsError> {
        let answer = self.ask(&calls::GET_PUBLIC_KEY, &json!({ "KeyId": self.key }))?;
        let text = |member: &str| answer[member].as_str().unwrap_or_default().to_owned();
        let der = self.bytes(&calls::GET_PUBLIC_KEY, &answer["PublicKey"])?;
        Ok(Public { der, spec: text("KeySpec"), usage: text("KeyUsage") })
    }

    /// A message of any length is signed by its digest.
    pub(crate) fn sign(&self, digest: &[u8], algorithm: &str) -> Result<Vec<u8>, AwsError> {
        let input = json!({
            "KeyId": self.key,
            "Message": STANDARD.encode(digest),
            "MessageType": "DIGEST",
            "SigningAlgorithm": algorithm,
        });
        let answer = self.ask(&calls::SIGN, &input)?;
        self.bytes(&calls::SIGN, &answer["Signature"])
    }

    fn ask(&self, call: &Call, input: &Value) -> Result<Value, AwsError> {
        self.signed.json(&KMS, call, &self.about(), input).map_err(|error| self.explained(error))
    }

    fn bytes(&self, call: &Call, text: &Value) -> Result<Vec<u8>, AwsError> {
        let bytes = text.as_str().and_then(|text| STANDARD.decode(text).ok());
        bytes.ok_or_else(|| AwsError::foreign(call.action, self.about(), None, "no bytes in base64"))
    }

    fn about(&self) -> String {
        format!("key {}", self.key)
    }

    /// With what to do about it. Source: AWS KMS Developer Guide, "Key states" and "Allowing users in other accounts".
    fn explained(&self, mut error: AwsError) -> AwsError {
        let key = &self.key;
        let fix = match error.code.as_str() {
            "DisabledException" => format!("`aws kms enable-key --key-id {key}` enables it"),
            "KMSInvalidStateException" => format!(
                "where it is to be deleted, `aws kms cancel-key-deletion --key-id {key}` keeps it; `evidence-key` can name another one"
            ),
            "NotFoundException" => "check `evidence-key`: its account, its region and its name".to_owned(),
            "UnsupportedOperationException" | "InvalidKeyUsageException" => MADE_BY.to_owned(),
            _ if error.kind == Kind::Denied => {
                let both = "the key's own policy has to allow it, too, where the key is another account's or does not leave that to IAM";
                let separator = if error.fix.is_empty() { "" } else { "; " };
                format!("{}{separator}{both}", error.fix)
            }
            _ => return error,
        };
        error.fix = fix;
        error
    }
}
