//! Why TLS did not come about, as far as a certificate is why.

use std::error::Error;
use std::io;

use rustls::CertificateError;

/// The certificate's fault behind an error, wherever in its chain. `io::Error` hides the error that it wraps from
/// `source`.
pub(crate) fn refused<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a CertificateError> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(rustls::Error::InvalidCertificate(fault)) = error.downcast_ref::<rustls::Error>() {
            return Some(fault);
        }
        // Such an error may hold another of its kind: hyper-rustls wraps what tokio-rustls has wrapped.
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = wrapped.map(|wrapped| wrapped as &(dyn Error + 'static)).or_else(|| error.source());
    }
    None
}

/// Whether the certificate is only not valid *now*, as the clock of this machine has it.
pub(crate) fn is_about_time(fault: &CertificateError) -> bool {
    matches!(
        fault,
        CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_that_is_refused_is_found_behind_what_wraps_it() {
        let expired = || rustls::Error::InvalidCertificate(CertificateError::Expired);
        let wrapped = io::Error::other(expired());
        assert!(refused(&wrapped).is_some_and(is_about_time));
        assert!(refused(&io::Error::other(wrapped)).is_some_and(is_about_time));
        assert!(refused(&expired()).is_some_and(is_about_time));
        let unknown = io::Error::other(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer));
        assert!(refused(&unknown).is_some_and(|fault| !is_about_time(fault)));
        let named = io::Error::other("invalid peer certificate: a file of that name is missing");
        assert!(refused(&named).is_none());
    }
}
