//! Where a category may stand in the tree.

use std::collections::{HashMap, HashSet};

use crate::domain::id::CategoryId;

/// Levels the tree may have, the root counted.
pub const DEPTH: usize = 5;

/// Every category with its parent.
pub type Tree = HashMap<CategoryId, Option<CategoryId>>;

/// Why a category may not stand below a parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Misplaced {
    #[error("a category cannot be below itself")]
    Cycle,
    #[error("categories nest at most {DEPTH} deep")]
    TooDeep,
}

/// Whether `moved` (absent: a new category) may stand below `parent` with all it has below it.
pub fn place(tree: &Tree, moved: Option<CategoryId>, parent: CategoryId) -> Result<(), Misplaced> {
    let above = lineage(tree, parent);
    if moved.is_some_and(|moved| above.contains(&moved)) {
        return Err(Misplaced::Cycle);
    }
    let below = moved.map_or(1, |moved| height(tree, moved));
    if above.len() + below > DEPTH { Err(Misplaced::TooDeep) } else { Ok(()) }
}

/// The category and what is above it.
fn lineage(tree: &Tree, category: CategoryId) -> HashSet<CategoryId> {
    let mut seen = HashSet::new();
    let mut next = Some(category);
    while let Some(category) = next {
        // A tree written by this rule has no cycle; one that came otherwise must not hang us.
        if !seen.insert(category) {
            break;
        }
        next = tree.get(&category).copied().flatten();
    }
    seen
}

/// Levels from the category down to the lowest below it, itself counted.
fn height(tree: &Tree, top: CategoryId) -> usize {
    let mut level = HashSet::from([top]);
    let mut height = 0;
    // One level more than allowed is enough to know.
    while !level.is_empty() && height <= DEPTH {
        height += 1;
        let is_below = |parent: Option<CategoryId>| parent.is_some_and(|id| level.contains(&id));
        level = tree.iter().filter(|(_, parent)| is_below(**parent)).map(|(id, _)| *id).collect();
    }
    height
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 1 ← 2 ← 3 ← 4 and 10 ← 11.
    fn tree() -> Tree {
        [(1, None), (2, Some(1)), (3, Some(2)), (4, Some(3)), (10, None), (11, Some(10))]
            .into_iter()
            .map(|(id, parent)| (CategoryId(id), parent.map(CategoryId)))
            .collect()
    }

    fn outcome(moved: Option<i64>, parent: i64) -> Result<(), Misplaced> {
        place(&tree(), moved.map(CategoryId), CategoryId(parent))
    }

    #[test]
    fn a_category_cannot_stand_below_itself() {
        assert_eq!(outcome(Some(1), 1), Err(Misplaced::Cycle));
        assert_eq!(outcome(Some(1), 4), Err(Misplaced::Cycle));
        assert_eq!(outcome(Some(4), 1), Ok(()));
    }

    #[test]
    fn the_tree_has_at_most_five_levels() {
        assert_eq!(outcome(None, 4), Ok(()));
        assert_eq!(outcome(Some(10), 3), Ok(()));
        assert_eq!(outcome(Some(10), 4), Err(Misplaced::TooDeep));
        assert_eq!(outcome(Some(1), 11), Err(Misplaced::TooDeep));
    }
}
