//! What a signal says: which leaves hold now, which never will, and what was last seen of each.

use super::*;

impl Drive<'_> {
    pub(super) fn take(&mut self, signal: Signal) {
        match signal {
            Signal::Sight(Sight::Is(container, ended)) => self.seen(Arc::from(container), ended),
            Signal::Sight(Sight::Gone(ended)) => self.gone(ended),
            Signal::Sight(Sight::Unknown(error)) => {
                let text = SourceError::from(error).text;
                let is_state = |known: &&mut Known| {
                    matches!(
                        known.leaf,
                        Leaf::State { .. } | Leaf::Healthy | Leaf::Exited { .. } | Leaf::Removed
                    )
                };
                self.leaves
                    .iter_mut()
                    .filter(is_state)
                    .for_each(|known| known.seen = cut(&text));
            }
            Signal::Log(Ok(item)) => self.logged(&item),
            Signal::Log(Err(error)) => self.failure = Some(error),
            Signal::Try((place, value, seen)) => {
                let is_over = self.now.borrow().is_over || self.is_gone;
                if let Some(known) = self.leaves.get_mut(place)
                    && (!is_over || matches!(known.leaf, Leaf::Pause(_) | Leaf::File(_)))
                {
                    known.value = value;
                    known.seen = cut(&seen);
                }
            }
        }
        self.settle_logs();
    }

    /// The container as it is now; `ended` when a run of it has ended meanwhile.
    pub(super) fn seen(&mut self, container: Arc<Container>, ended: Option<i64>) {
        let is_ours = self.counts_first || container.started_at != self.first.started_at;
        let has_ended = matches!(container.state, ContainerState::Exited | ContainerState::Dead);
        let is_over = is_ours && has_ended;
        let ended = ended.or(container.exit_code.filter(|_| is_over));
        self.exit_code = ended.or(self.exit_code);
        for known in &mut self.leaves {
            let held = match &known.leaf {
                Leaf::State { holds, .. } => Some(holds(&container)),
                Leaf::Healthy if container.health == Health::None && container.state.has_processes() => {
                    known.value = Value::Never;
                    known.seen = "it has no health check".to_owned();
                    None
                }
                Leaf::Healthy => Some(container.health == Health::Healthy),
                Leaf::Exited { .. } if known.value == Value::Yes => None,
                Leaf::Exited { code } => {
                    Some(ended.is_some_and(|ended| code.is_none_or(|code| code == ended)))
                }
                Leaf::Removed => Some(false),
                Leaf::Port(_) | Leaf::Http(_) | Leaf::Command { .. } if is_over => Some(false),
                _ => None,
            };
            let Some(held) = held else { continue };
            known.value = match held {
                true => Value::Yes,
                false if is_over && !matches!(known.leaf, Leaf::Removed) => Value::Never,
                false => Value::No,
            };
            known.seen = match (&known.leaf, ended) {
                (Leaf::Port(_) | Leaf::Http(_) | Leaf::Command { .. }, _) => continue,
                (Leaf::Healthy, _) => format!("it is {} and {}", container.state, container.health),
                (Leaf::Exited { .. }, Some(code)) => format!("it has ended with {code}"),
                _ => format!("it is {}", container.state),
            };
        }
        self.now.send_replace(Now {
            container: Some(container),
            is_over,
        });
    }

    pub(super) fn gone(&mut self, ended: Option<i64>) {
        self.is_gone = true;
        self.exit_code = ended.or(self.exit_code);
        for known in &mut self.leaves {
            known.value = match &known.leaf {
                Leaf::Removed => Value::Yes,
                Leaf::Exited { code } if known.value != Value::Yes => match (code, self.exit_code) {
                    (None, _) => Value::Yes,
                    (Some(code), Some(ended)) if *code == ended => Value::Yes,
                    _ => Value::Never,
                },
                Leaf::Log { .. } | Leaf::Exited { .. } | Leaf::Pause(_) => continue,
                _ => Value::Never,
            };
            if known.value == Value::Never {
                known.seen = "it was removed".to_owned();
            }
        }
    }

    pub(super) fn logged(&mut self, item: &LogItem) {
        match item {
            LogItem::Line(line) => {
                let text = shown(line);
                for known in &mut self.leaves {
                    let Leaf::Log {
                        pattern,
                        stream,
                        times,
                    } = &known.leaf
                    else {
                        continue;
                    };
                    if stream.is_none_or(|stream| stream == line.stream) && pattern.is_in(&line.text) {
                        known.lines = known.lines.saturating_add(1);
                    }
                    known.value = if known.lines >= *times {
                        Value::Yes
                    } else {
                        Value::No
                    };
                    known.seen = format!("{} of {times} lines, the last of all {text:?}", known.lines);
                }
                self.last_line = Some(text);
            }
            LogItem::Ended { at, .. } => self.log = LogSoFar::EndOfRun(*at),
            LogItem::Over(_) => self.log = LogSoFar::Over,
            LogItem::Started { .. } => self.log = LogSoFar::Open,
            LogItem::Gap { .. } => {
                let is_log = |known: &&mut Known| matches!(known.leaf, Leaf::Log { .. });
                let gap = "; lines were rotated away before they could be read";
                self.leaves
                    .iter_mut()
                    .filter(is_log)
                    .for_each(|known| known.seen.push_str(gap));
            }
            _ => {}
        }
    }

    /// A line that has not come by the end of the last run's log does not come.
    pub(super) fn settle_logs(&mut self) {
        let is_over = self.is_gone || self.now.borrow().is_over;
        let is_log_over = match self.log {
            LogSoFar::Open => false,
            // A run may be seen to have ended before a line of it was read: what was read is then the one before.
            LogSoFar::EndOfRun(at) => at == self.container().finished_at,
            LogSoFar::Over => true,
        };
        for known in &mut self.leaves {
            if matches!(known.leaf, Leaf::Log { .. }) && known.value != Value::Yes {
                known.value = if is_over && is_log_over {
                    Value::Never
                } else {
                    Value::No
                };
            }
        }
    }
}

/// A container is said to have started some time after its process has: 20.10 stamps the first lines of a short run before it.
pub(super) fn before(started: Timestamp) -> Timestamp {
    let early = i64::try_from(STARTING.as_nanos()).unwrap_or_default();
    Timestamp::from_nanos(started.as_nanos().saturating_sub(early))
}

pub(super) fn shown(line: &LogLine) -> String {
    cut(&String::from_utf8_lossy(&line.text))
}

/// The beginning of a text.
fn cut(text: &str) -> String {
    match text.char_indices().nth(SEEN) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}
