use super::*;

/// Keys and signatures on `a statement` that openssl made.
const MADE: [(&str, &str, &str); 3] = [
    (
        "ECDSA_SHA_256",
        "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEWxDRYxHIrTV6wgPlwVQpsdbh7x9w7Zp9ejaj1NaoVtaZa+30nZSqZWgx+KMRl4rL0FFKTGAEvfsWAEFSnLbQlw==",
        "MEUCIQCEGp3Mxa2kEeNbHWmngs2HMicN/0OGWJpoR3kmfbTATAIgFyvw+vuzzpCECKseJW+V/TFZVI6e35yWTCdnwX+2tyU=",
    ),
    (
        "ECDSA_SHA_384",
        "MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEZ2FGWZ27JTgrJe7ChrapW6FdqO6G63cstdNIHnV8nSRpihRO3bO1WfULv7xHVK35GFX1Y2DJWvLPF5sFoZk7rMTmzJJPZcrJQeQCgsDZHQo+lKzo871MwtWiQDkYSL0i",
        "MGUCMHkwh/4qm1g4cNZrDhE4OU8v2Gkynd3MYYe2oyuUTVn7Tqo5sxIpL11vpQirURih3QIxAI1BWnDrgbmDL15kjB4pz62BAEDmaa/b25YaaUYzzhQyEOpSs5WiioQ4uSRZlhoCfg==",
    ),
    (
        "RSASSA_PKCS1_V1_5_SHA_256",
        "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA382m/sUm4dzb7vbb6rtzFu/GVBjxoRux4TTpPF8wsWR1yCYn78Cc+VMt5qGjabmtRzRJG04RCfhFBTCTWpXYm+dGddtn/o3wY7w2SPCrpWDfefV7QJW9hqqscHIIWcgcj+i/W5hlu0w4xD/Y71d2Tyn2TyYFQGGyvmTnvHQS7S17Yf1rGBq2oTW+Yo1iZRgv2ozkouHjRIjFOW5hOuNkcwcQrW4j66VJZVzH6UcpaogO95a70YU6vIpw7C0hH22GA583jakh8SUaUhfpFgFD2HD45abuIhbiH+tzJmC9cBHMjJ35Ww/A3vuRFmsQ5tyCA5S2wCG+8IK17RdreKpmDQIDAQAB",
        "PtBkpjWuDtzGYZ9o5eeW35N7AGMgTlj4FPs3u/DXbIdkBTiA+cv5EhZW5CXEk2ETFdvZPDd1jKB3RjTAXZajECky6LXcpCZX8EBDW7K1fW+yiR11Z3bBmQinlFtcsyymTKAAmgl6ud+MxZtXIYZKQiN7hvflJQOTVaxbKhOgH4hvnBN8XwU+8EFdoQTWcWADkAfGjOYvbR27c6b+64318takqPHpoqkiP+8bQPdNwykodSOZ9aUhVYgPmsntMoE7RSbF0UF0ssOK1GKmCL2H6DX8+Xk3aUEtlmPbSHaSnn74tjaHOZNwElm5IS02cqr2HCo9VqdaoKnZGtfkaI8F3g==",
    ),
];

/// Of kinds that nothing here verifies: P-521 and Ed25519.
const OTHERS: [&str; 2] = [
    "MIGbMBAGByqGSM49AgEGBSuBBAAjA4GGAAQAFwJq03U2ha33yz+JvET1AfyweaUi9f9vqR3DiSCAU4QeFYLWfnSsoXfiD5TwYGybD7LWgs58UuoG4/EU4O8B6a8AmTWnhzr+vhhO8PlPisITVfSOsEIioBOaXS4Sy1UTTPaV6KXuVhxJHgP8PWEHHg5YZua/bfsE1p0tn4QIj5Si2AM=",
    "MCowBQYDK2VwAyEABeOn3jTWpKFnTJVf2L4m+lXEt1vgKLWpjCw2SWXI8LM=",
];

fn pem(body: &str) -> String {
    format!("-----BEGIN PUBLIC KEY-----\n{}\n{}\n-----END PUBLIC KEY-----\n", &body[..60], &body[60..])
}

#[test]
fn what_another_program_signed_is_verified_and_what_was_changed_is_not() {
    for (algorithm, body, signature) in MADE {
        let key = PublicKey::of_pem("alias/x", &pem(body)).expect("it is one");
        assert_eq!((key.algorithm(), key.name.as_str()), (algorithm, "alias/x"));
        let signature = STANDARD.decode(signature).expect("base64");
        assert!(key.verifies(b"a statement", &signature), "{algorithm}");
        assert!(!key.verifies(b"a changed statement", &signature), "{algorithm}");
        assert!(!key.verifies(b"a statement", &signature[1..]) && !key.verifies(b"a statement", b""), "{algorithm}");
        for (_, other, _) in MADE.iter().filter(|(other, ..)| *other != algorithm) {
            assert!(!PublicKey::of_pem("", &pem(other)).expect("it is one").verifies(b"a statement", &signature));
        }
    }
}

#[test]
fn what_is_no_key_of_a_kind_that_signs_here_is_none() {
    for other in OTHERS {
        assert_eq!(PublicKey::of_pem("", &pem(other)), None);
    }
    let (_, body, _) = MADE[0];
    let whole = STANDARD.decode(body).expect("base64");
    for end in 0..whole.len() {
        assert_eq!(PublicKey::of_der("", &whole[..end]), None, "cut at {end}");
    }
    assert_eq!(PublicKey::of_der("", &[&whole[..], b"x"].concat()), None);
    assert_eq!(PublicKey::of_pem("", body), None);
}
