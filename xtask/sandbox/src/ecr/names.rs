//! The grammar of names: repositories, tags, digests.

/// 2 to 256 characters: words of lowercase letters and digits, joined by `.`, `_`, `__` or any number of `-`, in
/// segments joined by `/`. Source: ECR API, CreateRepository, repositoryName; the same as the OCI distribution
/// specification's, since February 2026.
pub fn is_repository(name: &str) -> bool {
    (2..=256).contains(&name.len()) && name.split('/').all(is_segment)
}

fn is_segment(segment: &str) -> bool {
    let is_word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let edges = segment.bytes().next().is_some_and(is_word) && segment.bytes().next_back().is_some_and(is_word);
    let joints = segment.split(|c: char| u8::try_from(c).is_ok_and(is_word)).filter(|joint| !joint.is_empty());
    edges && { joints }.all(|joint| matches!(joint, "." | "_" | "__") || joint.bytes().all(|b| b == b'-'))
}

/// The rule of [`is_repository`], as ECR words it.
pub const REPOSITORY_RULE: &str =
    "must satisfy regular expression '[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*(\\/[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*)*'";

/// Twelve digits.
pub fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

/// A filter of image tags: characters of a tag, and `*`.
pub fn is_filter(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'*' | b'-'))
}

/// 1 to 128 characters of `[a-zA-Z0-9_][a-zA-Z0-9._-]*`.
pub fn is_tag(tag: &str) -> bool {
    let inner = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
    tag.len() <= 128
        && tag.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_')
        && tag.bytes().all(inner)
}

/// `sha256:` and 64 lowercase hexadecimal digits.
pub fn is_digest(digest: &str) -> bool {
    digest
        .strip_prefix("sha256:")
        .is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
}

/// The digest of these bytes.
pub fn digest_of(bytes: &[u8]) -> String {
    spell(ring::digest::digest(&ring::digest::SHA256, bytes).as_ref())
}

/// A SHA-256 in the OCI spelling.
pub fn spell(hash: &[u8]) -> String {
    let mut text = String::with_capacity(71);
    text.push_str("sha256:");
    text.push_str(&hex(hash));
    text
}

/// Lowercase hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repositories_follow_the_grammar_of_ecr() {
        for good in ["app", "sample/app", "a1/b.c_d-e/f", "0x", "a__b", "a--b", "a---b/c__d", "a.b/c-d"] {
            assert!(is_repository(good), "{good}");
        }
        for bad in [
            "",
            "a",
            "App",
            "a//b",
            "/a",
            "a/",
            "a..b",
            "a___b",
            "a.-b",
            "a_-b",
            "a._b",
            "a-",
            "-a",
            "a b",
            "a\u{e9}b",
            &"a".repeat(257),
        ] {
            assert!(!is_repository(bad), "{bad}");
        }
    }

    #[test]
    fn tags_follow_the_grammar_of_the_registry() {
        for good in ["1.4.0", "v1", "_x", "1.0.0-rc.1", &"x".repeat(128)] {
            assert!(is_tag(good), "{good}");
        }
        for bad in ["", ".x", "-x", "1.0+build", "a/b", "a:b", &"x".repeat(129)] {
            assert!(!is_tag(bad), "{bad}");
        }
    }

    #[test]
    fn digests_bytes_as_sha256sum_does() {
        assert_eq!(digest_of(b""), "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert!(is_digest(&digest_of(b"x")));
        assert!(!is_digest("sha256:E3B0"));
    }
}
