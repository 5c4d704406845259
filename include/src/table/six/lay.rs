//! Lays out the index: what each /32 has there, by how many bits it is cut, and what stands in a leaf or table instead.

use super::group::Group;
use super::index::{INDEX_BITS, MOST_CUT, hash, unhash};
use super::item::Item;
use super::layout::{BITS, HALF, Link};
use super::line::PREFIXES;
use super::space::Space;

/// Of a /32 the prefixes longer than that, sorted, and the value of the longest other one that holds it.
pub(super) type Inside<'a> = &'a dyn Fn(&Space, u32) -> (Vec<Item>, u32);

/// What a bucket is to have.
struct Plan {
    /// All /32 that it has.
    tags: Vec<u32>,
    /// By how many bits they are cut.
    cut: u32,
    groups: Vec<Group>,
}

/// A /32 that is to be laid out.
struct Asked {
    tag: u32,
    items: Vec<Item>,
    outside: u32,
    /// What leads on from it already, and is to stay.
    kept: Option<Group>,
}

impl Asked {
    /// All its pieces if it is cut by so many bits, but for those that need not be there. None if it takes a leaf or table.
    fn pieces(&self, above: u32, cut: u32) -> Option<Vec<Group>> {
        if let Some(kept) = self.kept {
            return (cut == 0).then(|| vec![kept]);
        }
        if !self.fit(cut) {
            return None;
        }
        let all = (0..1 << cut).map(|piece| Group::of(self.tag, cut, piece, &self.items, self.outside));
        all.filter(|group| !group.is_some_and(|group| group.is_needless(above))).collect()
    }

    /// Whether no piece has more prefixes than a line has room for, none of them too long. (In one pass: `Group::of` looks at
    /// all for each piece.)
    fn fit(&self, cut: u32) -> bool {
        let end = INDEX_BITS + cut as u8;
        let inner = || self.items.iter().filter(|item| item.length > end);
        let piece = |item: &Item| item.start >> (BITS - u32::from(end));
        let too_many = inner().zip(inner().skip(PREFIXES)).any(|(first, sixth)| piece(first) == piece(sixth));
        !too_many && inner().all(|item| u32::from(item.length) <= HALF)
    }
}

impl Space {
    /// Lays out the bucket of a /32 anew, whose prefixes have changed. What finds no room takes a leaf; if that finds none, or
    /// many have taken one, all of the index is laid out anew.
    pub(super) fn lay_bucket(&mut self, tag: u32, inside: Inside<'_>) {
        let (bucket, _) = self.bucket(tag);
        let gone = self.groups(tag);
        let asked = self.tags(bucket).into_iter().map(|one| self.ask(one, one != tag, inside)).collect();
        self.take_all(bucket);
        gone.iter().for_each(|group| self.free_link(group.link));
        let mut plan = self.plan(asked, MOST_CUT);
        let put = self.put_plan(&mut plan, inside) || self.put_outside(&mut plan, inside);
        if !put || self.has_few_buckets() {
            self.lay(&plan.groups, inside);
        }
    }

    /// Lays out all of the index anew; `pending` are what is to be in a bucket that has been taken out.
    pub(super) fn lay(&mut self, pending: &[Group], inside: Inside<'_>) {
        let tags: Vec<u32> = self.tags.iter().copied().map(unhash).collect();
        let shift = 32 - Space::buckets(tags.len());
        let mut plans = Vec::new();
        for same in tags.chunk_by(|a, b| hash(*a) >> shift == hash(*b) >> shift) {
            let asked = same.iter().map(|tag| self.ask_but_leaf(*tag, pending, inside)).collect();
            plans.push(self.plan(asked, MOST_CUT));
        }
        self.free_index();
        // Many that must be moved together are hard to find room for: they come first.
        plans.sort_by_cached_key(|plan| std::cmp::Reverse((plan.groups.len(), prefixes(&plan.groups))));
        for spare in 0.. {
            let count: usize = plans.iter().map(|plan| plan.groups.len()).sum();
            let inner = plans.iter().map(|plan| prefixes(&plan.groups)).sum();
            if !self.new_index(tags.len(), count, inner, spare) {
                // Nothing can be looked up any more.
                return self.set_full();
            }
            if plans.iter_mut().all(|plan| self.put_plan(plan, inside) || self.put_outside(plan, inside)) {
                return;
            }
            self.free_index();
        }
    }

    /// Puts in what a bucket is to have, not cut if it finds no room cut; gives whether it has found any.
    fn put_plan(&mut self, plan: &mut Plan, inside: Inside<'_>) -> bool {
        if self.put_all(&plan.tags, plan.cut, &plan.groups) {
            return true;
        }
        if plan.cut == 0 {
            return false;
        }
        let asked = plan.tags.iter().map(|tag| self.ask(*tag, false, inside)).collect();
        *plan = self.plan(asked, 0);
        self.put_all(&plan.tags, 0, &plan.groups)
    }

    /// Puts in what a bucket is to have, uncut, with leaves for all prefixes; gives whether it has found room. Not
    /// if many others have been put in so: the index as a whole is worn then.
    fn put_outside(&mut self, plan: &mut Plan, inside: Inside<'_>) -> bool {
        if self.outside > MOST_OUTSIDE + self.cells / CELLS_OUTSIDE {
            return false;
        }
        self.outside += 1;
        for group in plan.groups.iter_mut().filter(|group| group.count() != 0) {
            let (items, outside) = inside(self, group.tag);
            *group = Group::leading(group.tag, self.behind_index(&items, outside));
        }
        self.put_all(&plan.tags, 0, &plan.groups)
    }

    /// What is to be laid out of a /32 whose table stays, and whose leaf, if it has one, is taken back.
    fn ask_but_leaf(&mut self, tag: u32, pending: &[Group], inside: Inside<'_>) -> Asked {
        let all = self.groups(tag).into_iter().chain(pending.iter().filter(|group| group.tag == tag).copied());
        let kept = all.into_iter().find(Group::leads_on);
        match kept.map(|group| Link::of(group.link)) {
            Some(Link::Table(_)) => Asked { tag, items: Vec::new(), outside: 0, kept },
            _ => {
                self.free_link(kept.map_or(0, |group| group.link));
                self.ask(tag, false, inside)
            }
        }
    }

    /// What is to be laid out of a /32; what leads on from it stays, if it is to be kept.
    fn ask(&self, tag: u32, keep: bool, inside: Inside<'_>) -> Asked {
        let kept = self.groups(tag).into_iter().find(|group| keep && group.leads_on());
        let (items, outside) = if kept.is_some() { (Vec::new(), 0) } else { inside(self, tag) };
        Asked { tag, items, outside, kept }
    }

    /// The groups of a bucket's /32: cut by as few bits as will do, or not at all, where some take a leaf or table.
    fn plan(&mut self, asked: Vec<Asked>, most_cut: u32) -> Plan {
        let tags = asked.iter().map(|one| one.tag).collect();
        let above: Vec<u32> = asked.iter().map(|one| self.above_index(one.tag)).collect();
        let items: usize = asked.iter().map(|one| one.items.len()).sum();
        let worth = |cut: &u32| *cut == 0 || asked.len() << cut <= PIECES_PER_PREFIX * items;
        for cut in (0..=most_cut).take_while(worth) {
            let groups: Option<Vec<_>> = asked.iter().zip(&above).map(|(one, above)| one.pieces(*above, cut)).collect();
            if let Some(groups) = groups {
                return Plan { tags, cut, groups: groups.concat() };
            }
        }
        let mut groups = Vec::new();
        for (one, above) in asked.iter().zip(above) {
            match one.pieces(above, 0) {
                Some(whole) => groups.extend(whole),
                None => groups.push(Group::leading(one.tag, self.behind_index(&one.items, one.outside))),
            }
        }
        Plan { tags, cut: 0, groups }
    }
}

/// So many buckets, and one more for so many cells, may have leaves only because they found no room.
const MOST_OUTSIDE: usize = 16;
/// See [`MOST_OUTSIDE`].
const CELLS_OUTSIDE: usize = 16;

/// A /32 is not cut into more pieces than so many for each prefix in it.
const PIECES_PER_PREFIX: usize = 2;

fn prefixes(groups: &[Group]) -> usize {
    groups.iter().map(Group::count).sum()
}
