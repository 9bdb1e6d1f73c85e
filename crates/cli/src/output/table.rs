//! Aligned columns for people. Cells are neutral text; widths are those of a terminal (wide and joined characters).

use clap::builder::styling::Style;
use unicode_width::UnicodeWidthStr;

use super::text;

/// One cell: its text, and how it looks where colours are on.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cell {
    text: String,
    style: Style,
    right: bool,
}

impl Cell {
    pub(crate) fn new(text: &str) -> Self {
        Self {
            text: text::neutral(text).into_owned(),
            ..Self::default()
        }
    }

    #[must_use]
    pub(crate) const fn style(mut self, style: Style) -> Self {
        self.style = style;
        self
    }

    /// Figures stand at the right of their column.
    #[must_use]
    pub(crate) const fn right(mut self) -> Self {
        self.right = true;
        self
    }
}

/// Lines of cells, two spaces between columns, nothing at the end of a line.
pub(crate) fn render(header: &[&str], rows: &[Vec<Cell>], colour: bool) -> Vec<String> {
    let right = |column: usize| {
        rows.first()
            .and_then(|row| row.get(column))
            .is_some_and(|c| c.right)
    };
    let head = header.iter().enumerate().map(|(column, name)| Cell {
        text: (*name).to_owned(),
        style: Style::new().bold(),
        right: right(column),
    });
    let mut lines: Vec<Vec<Cell>> = vec![head.collect()];
    lines.extend(rows.iter().cloned());
    let mut widths = vec![0; header.len()];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = (*width).max(cell.text.width());
        }
    }
    lines
        .iter()
        .map(|line| {
            let mut out = String::new();
            for (cell, width) in line.iter().zip(&widths) {
                let pad = " ".repeat(width.saturating_sub(cell.text.width()));
                let styled = if colour && cell.style != Style::new() {
                    format!("{}{}{:#}", cell.style, cell.text, cell.style)
                } else {
                    cell.text.clone()
                };
                let (before, after) = if cell.right {
                    (pad, String::new())
                } else {
                    (String::new(), pad)
                };
                out.push_str(&format!("{before}{styled}{after}  "));
            }
            out.truncate(out.trim_end().len());
            out
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_lines_have_no_tail() {
        let rows = [
            vec![Cell::new("web"), Cell::new("5").right(), Cell::new("x")],
            vec![Cell::new("船-2"), Cell::new("50").right(), Cell::new("")],
        ];
        assert_eq!(
            render(&["NAME", "N", "REST"], &rows, false),
            ["NAME   N  REST", "web    5  x", "船-2  50"]
        );
    }

    #[test]
    fn colours_do_not_move_columns() {
        let red = clap::builder::styling::AnsiColor::Red.on_default();
        let rows = [vec![Cell::new("a").style(red), Cell::new("b")]];
        let lines = render(&["NAME", "B"], &rows, true);
        assert_eq!(lines[1], "\u{1b}[31ma\u{1b}[0m     b");
    }
}
