//! Dmg.

use std::io::{Read, Seek};

use serde::{Deserialize, Serialize};

use crate::input::Input;
use crate::notes::{Notes, Unreadable};

/// What it says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dmg {}

pub(crate) fn read<R: Read + Seek>(_input: &mut Input<R>, _notes: &mut Notes<'_>) -> Result<Dmg, Unreadable> {
    Ok(Dmg {})
}
