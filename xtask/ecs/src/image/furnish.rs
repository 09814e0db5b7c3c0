//! What a program expects of any system, for images without a base.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::base::Attributes;
use super::tree::{Content, Entry, Owner, Tree, relative};
use crate::failure::Result;

/// Where the certificates go: Debian's place, which OpenSSL, rustls and Go look at.
pub(super) const CERTIFICATES: &str = "etc/ssl/certs/ca-certificates.crt";

/// Where systems have theirs. An image with any of these keeps it and gets no other.
/// Source: Go's crypto/x509, root_linux.go, certFiles.
pub(super) const CERTIFICATE_BUNDLES: &[&str] = &[
    CERTIFICATES,
    "etc/pki/tls/certs/ca-bundle.crt",
    "etc/ssl/ca-bundle.pem",
    "etc/pki/tls/cacert.pem",
    "etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "etc/ssl/cert.pem",
];

impl Tree<'_> {
    /// Adds what a program expects of any system and neither the base nor the assets have. True where CA
    /// certificates are among it.
    pub(super) fn furnish(&mut self, user: &str, workdir: &str) -> Result<bool> {
        let bare = CERTIFICATE_BUNDLES.iter().all(|path| self.lacks(Path::new(path)));
        if bare {
            let bundle = Content::Bytes(certificates());
            self.put(Path::new(CERTIFICATES), Entry::file(bundle, 0o644, Owner::ROOT));
        }
        for (path, text) in accounts(Owner::parse(user)) {
            if self.lacks(Path::new(path)) {
                self.put(Path::new(path), Entry::file(Content::Bytes(text.into_bytes()), 0o644, Owner::ROOT));
            }
        }
        if self.lacks(Path::new("tmp")) {
            self.put(Path::new("tmp"), Entry::folder(Attributes { mode: 0o1777, ..Attributes::DEFAULT }));
        }
        let workdir = relative(workdir)?;
        if !workdir.as_os_str().is_empty() && self.lacks(&workdir) {
            self.put(&workdir, Entry::folder(Attributes::DEFAULT));
        }
        Ok(bare)
    }
}

/// Mozilla's root certificates in PEM. They come from a crate and not from the building machine, whose bundle
/// changes with its updates: the same Cargo.lock gives the same image.
pub(super) fn certificates() -> Vec<u8> {
    let mut bundle = String::new();
    for certificate in webpki_root_certs::TLS_SERVER_ROOT_CERTS {
        bundle.push_str("-----BEGIN CERTIFICATE-----\n");
        let mut text = STANDARD.encode(certificate.as_ref());
        while text.len() > 64 {
            let rest = text.split_off(64);
            bundle.push_str(&text);
            bundle.push('\n');
            text = rest;
        }
        bundle.push_str(&text);
        bundle.push_str("\n-----END CERTIFICATE-----\n");
    }
    bundle.into_bytes()
}

/// Names for root and for the user of the image, whom programs look up.
pub(super) fn accounts(user: Option<Owner>) -> [(&'static str, String); 2] {
    let (mut names, mut groups) =
        (vec!["root:x:0:0:root:/root:/sbin/nologin\n".to_owned()], vec!["root:x:0:\n".to_owned()]);
    if let Some(Owner { uid, gid }) = user.filter(|user| user.uid != 0) {
        names.push(format!("nonroot:x:{uid}:{gid}:nonroot:/:/sbin/nologin\n"));
        groups.extend((gid != 0).then(|| format!("nonroot:x:{gid}:\n")));
    }
    [("etc/passwd", names.concat()), ("etc/group", groups.concat())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bundle_is_pem_that_a_tls_library_reads() {
        use rustls::pki_types::CertificateDer;
        use rustls::pki_types::pem::PemObject;
        let bundle = certificates();
        let mut roots = rustls::RootCertStore::empty();
        let read: Vec<_> = CertificateDer::pem_slice_iter(&bundle).map(|one| one.expect("it is PEM")).collect();
        assert_eq!(read.len(), webpki_root_certs::TLS_SERVER_ROOT_CERTS.len());
        assert_eq!(roots.add_parsable_certificates(read).1, 0, "none is refused");
        assert!(roots.len() > 50);
    }
}
