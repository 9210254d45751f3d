//! From bytes to a report.

use std::io::{self, Read, Seek};

use crate::detect::{detect_bytes, is_plain};
use crate::formats::{aab, apk, app_zip, appimage, deb, dmg, exe, ipa, msi, msix, pkg, rpm, tarball, zip};
use crate::input::Input;
use crate::notes::{Notes, Unreadable};
use crate::report::INSPECTOR_VERSION;
use crate::{Details, Format, Limits, Report};

/// Reads everything that an artifact of `size_bytes` bytes says of itself. The bytes decide what it is.
///
/// What cannot be read becomes a finding; only `input` itself can fail.
///
/// # Errors
/// When `input` cannot be read.
pub fn inspect<R: Read + Seek>(input: R, size_bytes: u64, limits: &Limits) -> io::Result<Report> {
    let mut input = Input::new(input, size_bytes, limits.total_bytes);
    let format = detect_bytes(&mut input, size_bytes)?;
    let mut notes = Notes::new(limits);
    let details = match read(format, &mut input, &mut notes) {
        Ok(details) => details,
        Err(Unreadable { code, message }) => {
            notes.error(code, message);
            None
        }
    };
    Ok(Report {
        inspector: INSPECTOR_VERSION,
        format,
        size_bytes,
        details,
        icon: notes.icon,
        findings: notes.findings,
        entries: notes.entries,
    })
}

/// The report on a file that is surely of no format; `None` where that takes more than to compare a few bytes. Unlike [`inspect`]
/// it may be asked about hostile files anywhere: nothing of them is parsed.
///
/// # Errors
/// When `input` cannot be read.
pub fn inspect_plain<R: Read + Seek>(mut input: R, size_bytes: u64) -> io::Result<Option<Report>> {
    let report = Report {
        inspector: INSPECTOR_VERSION,
        format: Format::File,
        size_bytes,
        details: None,
        icon: None,
        findings: Vec::new(),
        entries: None,
    };
    Ok(is_plain(&mut input, size_bytes)?.then_some(report))
}

fn read<R: Read + Seek>(
    format: Format,
    input: &mut Input<R>,
    notes: &mut Notes<'_>,
) -> Result<Option<Details>, Unreadable> {
    Ok(Some(match format {
        Format::Ipa => Details::Ipa(Box::new(ipa::read(input, notes)?)),
        Format::Apk => Details::Apk(Box::new(apk::read(input, notes)?)),
        Format::Aab => Details::Aab(Box::new(aab::read(input, notes)?)),
        Format::AppZip => Details::AppZip(Box::new(app_zip::read(input, notes)?)),
        Format::Dmg => Details::Dmg(Box::new(dmg::read(input, notes)?)),
        Format::Pkg => Details::Pkg(Box::new(pkg::read(input, notes)?)),
        Format::Tarball => Details::Tarball(Box::new(tarball::read(input, notes)?)),
        Format::Deb => Details::Deb(Box::new(deb::read(input, notes)?)),
        Format::Rpm => Details::Rpm(Box::new(rpm::read(input, notes)?)),
        Format::Appimage => Details::Appimage(Box::new(appimage::read(input, notes)?)),
        Format::Zip => Details::Zip(Box::new(zip::read(input, notes)?)),
        Format::Exe => Details::Exe(Box::new(exe::read(input, notes)?)),
        Format::Msi => Details::Msi(Box::new(msi::read(input, notes)?)),
        Format::Msix => Details::Msix(Box::new(msix::read(input, notes)?)),
        Format::File => return Ok(None),
    }))
}
