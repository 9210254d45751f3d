//! The proof of rotation in a v3 or v3.1 signature: the keys of an app, each with the signature of the one before.
//!
//! Source: source.android.com, "APK Signature Scheme v3", "Proof-of-rotation attribute".

use super::block::{self, Signer};
use super::verify;
use crate::certificates::{Certificate, parse_certificate};
use crate::public_key::Problem;

const PROOF_OF_ROTATION: u32 = 0x3ba0_6f8c;
/// The only version there is.
const VERSION: u32 = 1;

/// The certificates from the first key to the signer's own; empty where the key never was rotated.
pub(super) fn read(signer: &Signer<'_>) -> Result<Vec<Certificate>, Problem> {
    const DAMAGED: Problem = Problem::Wrong("its proof of rotation is damaged");
    let Some(mut proof) = signer.attribute(PROOF_OF_ROTATION) else { return Ok(Vec::new()) };
    if block::number(&mut proof) != Some(VERSION) {
        return Err(Problem::Unchecked("its proof of rotation is of another version".to_owned()));
    }
    let levels = block::items(proof).ok_or(DAMAGED)?;
    let mut lineage = Vec::new();
    let mut last: Option<Level<'_>> = None;
    for bytes in levels {
        let level = parse(bytes).ok_or(DAMAGED)?;
        if let Some(last) = last {
            if level.signed_by != last.signs_by {
                return Err(Problem::Wrong("its proof of rotation changes algorithms"));
            }
            let key = verify::key_of(last.certificate)?;
            verify::verify_by(last.signs_by, &key, level.signed_data, level.signature)?;
        }
        lineage.push(parse_certificate(level.certificate).map_err(|_| DAMAGED)?);
        last = Some(level);
    }
    if last.map(|level| level.certificate) != signer.certificates.first().copied() {
        return Err(Problem::Wrong("its proof of rotation ends at another certificate"));
    }
    Ok(lineage)
}

/// One key, and the signature of the key before over it.
#[derive(Debug, Clone, Copy)]
struct Level<'a> {
    signed_data: &'a [u8],
    certificate: &'a [u8],
    /// The algorithm of the key before.
    signed_by: u32,
    /// The algorithm that this key signs the next with.
    signs_by: u32,
    signature: &'a [u8],
}

fn parse(mut bytes: &[u8]) -> Option<Level<'_>> {
    let signed_data = block::prefixed(&mut bytes)?;
    let _flags = block::number(&mut bytes)?;
    let signs_by = block::number(&mut bytes)?;
    let signature = block::prefixed(&mut bytes)?;
    let mut inner = signed_data;
    let certificate = block::prefixed(&mut inner)?;
    let signed_by = block::number(&mut inner)?;
    Some(Level { signed_data, certificate, signed_by, signs_by, signature })
}
