//! What Apple's signatures need beside [`crate::certificates`]: the chain in order, and whether the content is signed.

use crate::certificates::{Certificate, SignedData};

/// More certificates than a chain of Apple's has.
const CHAIN: usize = 8;

/// The certificate of the first signer, then each one's issuer as far as they are inside.
pub(crate) fn read_chain(signed: &SignedData) -> Vec<Certificate> {
    let Some(leaf) = signed.signers().next().and_then(|signer| signed.certificate_of(signer)) else {
        return Vec::new();
    };
    let others: Vec<Certificate> = signed.certificates().collect();
    let mut chain = vec![leaf];
    while let Some(last) = chain.last()
        && chain.len() < CHAIN
        && last.issuer != last.subject
        && let Some(next) = others.iter().find(|other| other.subject == last.issuer)
    {
        chain.push(next.clone());
    }
    chain
}

/// Whether a signer's key signed the content inside. Whom to trust is not looked at.
pub(crate) fn is_signed(signed: &SignedData) -> bool {
    const SIGNERS: usize = 4;
    signed
        .content()
        .is_some_and(|content| signed.signers().take(SIGNERS).any(|signer| signed.verify(signer, &content).is_ok()))
}
