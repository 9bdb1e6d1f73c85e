//! Progress of images on their way: from an engine's messages to how far each layer and the whole is.
//!
//! Owns the arithmetic, which must hold against everything engines do: totals that come late or never, retries that
//! begin again, layers that are there already, layers that are unpacked after they have come. Reading the messages is
//! the engine crate's; when to show them is whoever shows them.

use crate::names::open_enum;

/// More layers than any image has (engines refuse above 127): a bound for a stream that does not end.
const MAX_LAYERS: usize = 1_024;
/// The part of a pulled layer's way that its download is; the rest is unpacking. A rough share: the true one is the
/// network's and the disk's.
const DOWNLOAD_PART: f64 = 0.7;
/// The most that is shown while the engine has not said that it is done.
const ALMOST: f64 = 0.99;

/// Which way the layers go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TransferKind {
    /// From a registry: each layer is downloaded, then unpacked.
    Pull,
    /// To a registry.
    Push,
    /// From an archive.
    Load,
}

open_enum! {
    /// What happens to a layer.
    pub enum LayerPhase {
        /// Nothing yet.
        Waiting = "Waiting" | "Pulling fs layer" | "Preparing",
        /// Its bytes move.
        Moving = "Downloading" | "Pushing" | "Uploading" | "Loading layer",
        /// It has come and its digest is checked.
        Verifying = "Verifying Checksum",
        /// It has come, and waits to be unpacked.
        Moved = "Download complete",
        /// It is unpacked.
        Extracting = "Extracting",
        /// It is where it should be.
        Done = "Pull complete" | "Pushed",
        /// It was there already.
        Exists = "Already exists" | "Layer already exists",
        /// It failed, and is going to be tried again by the engine.
        Retrying = "Retrying",
    }
}

impl LayerPhase {
    fn of(status: &str) -> Self {
        if status.starts_with("Retrying in") {
            Self::Retrying
        } else if status.starts_with("Mounted from") {
            Self::Exists
        } else {
            Self::from(status)
        }
    }
}

/// One layer on its way.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct LayerProgress {
    /// Its short id, as the engine shows it.
    pub id: Box<str>,
    /// What happens to it now.
    pub phase: LayerPhase,
    /// Bytes that have moved; never falls.
    pub current: u64,
    /// Bytes in all; `None` while the engine has not said.
    pub total: Option<u64>,
    /// How far it is on its whole way, 0 to 1; never falls.
    pub fraction: f64,
}

impl LayerProgress {
    fn new(id: &str) -> Self {
        Self {
            id: id.into(),
            phase: LayerPhase::Waiting,
            current: 0,
            total: None,
            fraction: 0.0,
        }
    }

    fn see(&mut self, kind: TransferKind, phase: LayerPhase, current: Option<u64>, total: Option<u64>) {
        let total = total.filter(|total| *total > 0);
        let part = |current: Option<u64>, total: Option<u64>| match (current, total) {
            (Some(current), Some(total)) => (as_f64(current) / as_f64(total)).min(1.0),
            _ => 0.0,
        };
        let moved = match kind {
            TransferKind::Pull => DOWNLOAD_PART,
            TransferKind::Push | TransferKind::Load => 1.0,
        };
        let fraction = match phase {
            LayerPhase::Moving => {
                self.total = self.total.max(total);
                self.current = self.current.max(current.unwrap_or(0));
                // Some layers are larger on the way than they were said to be.
                self.total = self.total.map(|total| total.max(self.current));
                moved * part(Some(self.current), self.total)
            }
            LayerPhase::Verifying | LayerPhase::Moved => {
                self.current = self.total.unwrap_or(self.current);
                moved
            }
            LayerPhase::Extracting => {
                self.current = self.total.unwrap_or(self.current);
                moved + (1.0 - moved) * part(current, total)
            }
            LayerPhase::Done | LayerPhase::Exists => {
                self.current = self.total.unwrap_or(self.current);
                1.0
            }
            LayerPhase::Waiting | LayerPhase::Retrying | LayerPhase::Other(_) => 0.0,
        };
        self.fraction = self.fraction.max(fraction);
        self.phase = phase;
    }
}

/// How far a transfer is, after one message.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct TransferProgress {
    /// The engine's words.
    pub status: String,
    /// The layer that they are about, when it is one.
    pub layer: Option<LayerProgress>,
    /// How far the whole is, 0 to 1. Never falls, and is 1 only when the engine has said that it is done. `None` while
    /// no layer is known.
    pub fraction: Option<f64>,
    /// Bytes of all layers that have moved; never falls.
    pub current: u64,
    /// Bytes of the layers whose size is known; grows when a size comes late.
    pub total: Option<u64>,
}

/// Messages in, progress out.
///
/// ```
/// use longshore_core::{TransferFold, TransferKind};
/// let mut fold = TransferFold::new(TransferKind::Pull);
/// let half = fold.apply(Some("7e60337da73c"), "Downloading", Some(50), Some(100));
/// assert_eq!(half.fraction, Some(0.35), "the other half, and unpacking");
/// assert_eq!(fold.finish().fraction, Some(1.0));
/// ```
#[derive(Debug, Clone)]
pub struct TransferFold {
    kind: TransferKind,
    layers: Vec<LayerProgress>,
    fraction: Option<f64>,
}

impl TransferFold {
    /// Nothing has happened yet.
    #[must_use]
    pub fn new(kind: TransferKind) -> Self {
        Self {
            kind,
            layers: Vec::new(),
            fraction: None,
        }
    }

    /// Takes one message in: what it is about, its words, and its two numbers where they count bytes.
    pub fn apply(
        &mut self,
        id: Option<&str>,
        status: &str,
        current: Option<u64>,
        total: Option<u64>,
    ) -> TransferProgress {
        let phase = LayerPhase::of(status);
        let index = id.and_then(|id| self.layer(id, &phase));
        let layer = index.and_then(|index| self.layers.get_mut(index)).map(|layer| {
            layer.see(self.kind, phase, current, total);
            layer.clone()
        });
        if layer.is_some() {
            let whole = self.whole().min(ALMOST);
            self.fraction = Some(self.fraction.map_or(whole, |before| before.max(whole)));
        }
        self.progress(status, layer)
    }

    /// The engine has said that it is done.
    #[must_use]
    pub fn finish(&mut self) -> TransferProgress {
        for layer in &mut self.layers {
            layer.see(self.kind, LayerPhase::Done, None, None);
        }
        self.fraction = Some(1.0);
        self.progress("", None)
    }

    /// All layers that were named, in the order in which they were.
    #[must_use]
    pub fn layers(&self) -> &[LayerProgress] {
        &self.layers
    }

    /// Where the layer is kept; a new one when the message can only be about one.
    fn layer(&mut self, id: &str, phase: &LayerPhase) -> Option<usize> {
        let known = self.layers.iter().position(|layer| &*layer.id == id);
        // "Pulling from library/nginx" bears the tag as its id.
        let is_new =
            known.is_none() && !matches!(phase, LayerPhase::Other(_)) && self.layers.len() < MAX_LAYERS;
        if is_new {
            self.layers.push(LayerProgress::new(id));
            return Some(self.layers.len() - 1);
        }
        known
    }

    /// The layers' fractions by their sizes. A layer of unknown size counts as much as the others do on average; one
    /// that was there already and whose size nobody needs counts nothing.
    fn whole(&self) -> f64 {
        let sizes: Vec<f64> = self
            .layers
            .iter()
            .filter_map(|layer| layer.total)
            .map(as_f64)
            .collect();
        #[allow(clippy::cast_precision_loss, reason = "a count of layers")]
        let average = match sizes.len() {
            0 => 1.0,
            known => sizes.iter().sum::<f64>() / known as f64,
        };
        let (mut done, mut all) = (0.0, 0.0);
        for layer in &self.layers {
            let weight = match (&layer.phase, layer.total) {
                (_, Some(total)) => as_f64(total),
                (LayerPhase::Exists, None) => 0.0,
                (_, None) => average,
            };
            done += weight * layer.fraction;
            all += weight;
        }
        if all > 0.0 { done / all } else { 0.0 }
    }

    fn progress(&self, status: &str, layer: Option<LayerProgress>) -> TransferProgress {
        let totals = self.layers.iter().filter_map(|layer| layer.total);
        TransferProgress {
            status: status.to_owned(),
            layer,
            fraction: self.fraction,
            current: self
                .layers
                .iter()
                .fold(0, |sum, layer| layer.current.saturating_add(sum)),
            total: totals.reduce(u64::saturating_add),
        }
    }
}

#[allow(clippy::cast_precision_loss, reason = "a fraction of it is wanted")]
fn as_f64(bytes: u64) -> f64 {
    bytes as f64
}

#[cfg(test)]
#[path = "transfer/tests.rs"]
mod tests;
