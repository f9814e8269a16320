//! Makes registry hives: a tree of nodes and values becomes the bytes of a file.
//!
//! The same tree always gives the same bytes. The hives are real ones: other readers of hives open them, and
//! `peers/tests/hives.rs` has libhivex and libregf do it.
//!
//! Sources: Maxim Suhanov, "Windows registry file format specification"; Joachim Metz, "Windows NT Registry File (REGF)
//! format specification"; [MS-DTYP] 2.4 for the security descriptor.

#![expect(clippy::indexing_slicing, reason = "the places were made just before")]

/// 2024-01-02 03:04:05 UTC as a file time: what a node has as its last-written time unless told otherwise.
pub const SOME_TIME: u64 = 133_486_382_450_000_000;

/// `REG_NONE`.
pub const REG_NONE: u32 = 0;
/// `REG_SZ`.
pub const REG_SZ: u32 = 1;
/// `REG_EXPAND_SZ`.
pub const REG_EXPAND_SZ: u32 = 2;
/// `REG_BINARY`.
pub const REG_BINARY: u32 = 3;
/// `REG_DWORD`.
pub const REG_DWORD: u32 = 4;
/// `REG_DWORD_BIG_ENDIAN`.
pub const REG_DWORD_BIG_ENDIAN: u32 = 5;
/// `REG_MULTI_SZ`.
pub const REG_MULTI_SZ: u32 = 7;
/// `REG_QWORD`.
pub const REG_QWORD: u32 = 11;

/// No cell.
const NONE: u32 = u32::MAX;
const PAGE: usize = 4096;
const BIN_HEADER: usize = 32;
/// The most that one cell holds of big data.
const SEGMENT: usize = 16344;

/// A hive to be made.
#[derive(Clone, Debug)]
pub struct Hive {
    /// The root. Its name is of no importance; Windows calls it `CMI-CreateHive{…}` or `ROOT`.
    pub root: Node,
    /// The minor format version, 0 to 6. Values over 16344 bytes are split from 4 on.
    pub minor: u32,
    /// What subkey lists look like.
    pub lists: Lists,
    /// Whether Windows stopped while writing: the sequence numbers differ.
    pub dirty: bool,
    /// Whether all names are stored as UTF-16, even those that Latin-1 could hold.
    pub wide_names: bool,
}

/// What subkey lists look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lists {
    /// `lf`: with the first four characters of each name (Windows NT 4.0, 2000).
    Fast,
    /// `lh`: with a hash of each name (since Windows XP).
    Hash,
    /// `ri` over `lh` lists of at most this many nodes; one list suffices when there are no more.
    Index(usize),
    /// `li`: references alone (Windows NT 3.x).
    Leaf,
    /// Two levels of `ri` over `li` lists of at most this many nodes, which Windows never writes.
    Nested(usize),
}

/// A registry node to be made.
#[derive(Clone, Debug)]
pub struct Node {
    /// The name.
    pub name: String,
    /// When it was last written: 100 ns steps since 1601-01-01 UTC.
    pub last_written: u64,
    /// The values, in this order.
    pub values: Vec<Value>,
    /// The children, in any order: they are sorted by name.
    pub children: Vec<Node>,
}

/// A value to be made.
#[derive(Clone, Debug)]
pub struct Value {
    /// The name; empty for the default value.
    pub name: String,
    /// The number of the `REG_` type.
    pub kind: u32,
    /// The data.
    pub data: Vec<u8>,
}

impl Hive {
    /// A hive with nothing in it but a root, in the format of Windows 10: version 1.5, `lh` lists, clean.
    pub fn new() -> Self {
        let root = Node::new("CMI-CreateHive{6F4C2A86-1D09-4B5E-9C3A-52E7D0B1A4F8}");
        Self { root, minor: 5, lists: Lists::Hash, dirty: false, wide_names: false }
    }

    /// The node at this path, names divided by backslashes; what is missing is made.
    pub fn at(&mut self, path: &str) -> &mut Node {
        let mut node = &mut self.root;
        for name in path.split('\\').filter(|name| !name.is_empty()) {
            node = node.child(name);
        }
        node
    }

    /// The file.
    pub fn bytes(&self) -> Vec<u8> {
        let mut cells = Cells { bins: Vec::new(), bin: 0, header: if self.minor <= 1 { 8 } else { 4 }, hive: self };
        let security = cells.security(self.root.count());
        let root = cells.node(&self.root, NONE, security);
        cells.close_bin();
        let mut file = self.base_block(root, cells.bins.len());
        file.append(&mut cells.bins);
        file
    }

    fn base_block(&self, root: u32, bins_len: usize) -> Vec<u8> {
        let mut block = Vec::with_capacity(PAGE);
        block.extend(b"regf");
        words(&mut block, &[7 + u32::from(self.dirty), 7]);
        block.extend(self.root.last_written.to_le_bytes());
        words(&mut block, &[1, self.minor, 0, 1, root, bins_len as u32, 1]);
        block.extend(utf16("\\SystemRoot\\made"));
        block.resize(508, 0);
        let sum = block.chunks_exact(4).fold(0, |sum, word| sum ^ little_endian(word));
        words(&mut block, &[sum.clamp(1, u32::MAX - 1)]);
        block.resize(PAGE, 0);
        block
    }
}

impl Default for Hive {
    fn default() -> Self {
        Self::new()
    }
}

impl Node {
    /// A node without children and values.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), last_written: SOME_TIME, values: Vec::new(), children: Vec::new() }
    }

    /// The child of this name, as it is spelled here; made when missing.
    pub fn child(&mut self, name: &str) -> &mut Self {
        let place = self.children.iter().position(|child| child.name == name).unwrap_or(self.children.len());
        if place == self.children.len() {
            self.children.push(Self::new(name));
        }
        &mut self.children[place]
    }

    /// Adds a value.
    pub fn value(&mut self, name: &str, kind: u32, data: impl Into<Vec<u8>>) -> &mut Self {
        self.values.push(Value { name: name.to_owned(), kind, data: data.into() });
        self
    }

    /// Adds a `REG_SZ` value, NUL included.
    pub fn text(&mut self, name: &str, text: &str) -> &mut Self {
        self.value(name, REG_SZ, utf16(&format!("{text}\0")))
    }

    /// Adds a `REG_DWORD` value.
    pub fn dword(&mut self, name: &str, number: u32) -> &mut Self {
        self.value(name, REG_DWORD, number.to_le_bytes())
    }

    /// How many nodes there are from here down, this one counted.
    fn count(&self) -> u32 {
        1 + self.children.iter().map(Self::count).sum::<u32>()
    }
}

/// Text as the registry stores it, without a NUL: UTF-16, little-endian.
pub fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// The bins while they grow.
struct Cells<'a> {
    bins: Vec<u8>,
    /// Where the last bin begins.
    bin: usize,
    header: usize,
    hive: &'a Hive,
}

impl Cells<'_> {
    /// Adds a cell in use and says where it is.
    fn cell(&mut self, content: &[u8]) -> u32 {
        let size = (self.header + content.len()).next_multiple_of(8);
        if self.bin_end() - self.bins.len() < size {
            self.close_bin();
            self.open_bin(size);
        }
        let at = self.bins.len();
        words(&mut self.bins, &[(size as u32).wrapping_neg()]);
        self.bins.resize(at + self.header, 0xFF);
        self.bins.extend(content);
        self.bins.resize(at + size, 0);
        at as u32
    }

    fn open_bin(&mut self, first_cell: usize) {
        self.bin = self.bins.len();
        let size = (BIN_HEADER + first_cell).next_multiple_of(PAGE);
        self.bins.extend(b"hbin");
        words(&mut self.bins, &[self.bin as u32, size as u32, 0, 0]);
        self.bins.extend(self.hive.root.last_written.to_le_bytes());
        words(&mut self.bins, &[0]);
    }

    /// Where the last bin ends: its size stands in its header.
    fn bin_end(&self) -> usize {
        let size = self.bins.get(self.bin + 8..self.bin + 12);
        self.bin + size.map_or(0, |size| little_endian(size) as usize)
    }

    /// Makes one free cell of what is left of the last bin.
    fn close_bin(&mut self) {
        let (at, end) = (self.bins.len(), self.bin_end());
        if at < end {
            words(&mut self.bins, &[(end - at) as u32]);
            self.bins.resize((at + self.header).min(end), 0xFF);
            self.bins.resize(end, 0);
        }
    }

    /// Writes over a 32-bit field of a cell that is there already.
    fn patch(&mut self, cell: u32, at: usize, number: u32) {
        let place = cell as usize + self.header + at;
        self.bins[place..place + 4].copy_from_slice(&number.to_le_bytes());
    }

    /// The one security cell, on which all nodes hang: full access for administrators, owned by them.
    fn security(&mut self, owners: u32) -> u32 {
        let administrators = [1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x20, 2, 0, 0];
        let system = [1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0];
        // Revision 1, self-relative with a DACL; owner, group, no SACL, DACL.
        let mut descriptor = vec![1, 0, 4, 0x80];
        words(&mut descriptor, &[52, 68, 0, 20]);
        // An access list of 32 bytes with one entry: allow, inherited by children, KEY_ALL_ACCESS.
        descriptor.extend([2, 0, 32, 0, 1, 0, 0, 0, 0, 2, 24, 0]);
        words(&mut descriptor, &[0x000F_003F]);
        descriptor.extend(administrators);
        descriptor.extend(administrators);
        descriptor.extend(system);

        let mut content = b"sk\0\0".to_vec();
        words(&mut content, &[0, 0, owners, descriptor.len() as u32]);
        content.extend(descriptor);
        let cell = self.cell(&content);
        // The only one in its circle: it follows and precedes itself.
        self.patch(cell, 4, cell);
        self.patch(cell, 8, cell);
        cell
    }

    fn node(&mut self, node: &Node, parent: u32, security: u32) -> u32 {
        let (name, compressed) = self.name(&node.name);
        let root_flags = if parent == NONE { 0x0C } else { 0 };
        let longest = |lengths: &mut dyn Iterator<Item = usize>| lengths.max().unwrap_or(0) as u32;
        let mut content = b"nk".to_vec();
        halves(&mut content, &[root_flags | if compressed { 0x20 } else { 0 }]);
        content.extend(node.last_written.to_le_bytes());
        words(&mut content, &[0, parent, node.children.len() as u32, 0, NONE, NONE]);
        words(&mut content, &[node.values.len() as u32, NONE, security, NONE]);
        words(&mut content, &[longest(&mut node.children.iter().map(|child| utf16(&child.name).len())), 0]);
        words(&mut content, &[longest(&mut node.values.iter().map(|value| utf16(&value.name).len()))]);
        words(&mut content, &[longest(&mut node.values.iter().map(|value| value.data.len())), 0]);
        halves(&mut content, &[name.len() as u16, 0]);
        content.extend(name);
        let cell = self.cell(&content);

        if !node.values.is_empty() {
            let values: Vec<u32> = node.values.iter().map(|value| self.value(value)).collect();
            let list = self.references(&values);
            self.patch(cell, 40, list);
        }
        if !node.children.is_empty() {
            let mut children: Vec<&Node> = node.children.iter().collect();
            children.sort_by_key(|child| upper(&child.name));
            let listed: Vec<(u32, &str)> =
                children.iter().map(|child| (self.node(child, cell, security), child.name.as_str())).collect();
            let list = self.list(&listed);
            self.patch(cell, 28, list);
        }
        cell
    }

    fn list(&mut self, nodes: &[(u32, &str)]) -> u32 {
        let lists = |cells: &mut Self, kind, most: usize| -> Vec<u32> {
            nodes.chunks(most.max(1)).map(|part| cells.leaf(kind, part)).collect()
        };
        match self.hive.lists {
            Lists::Fast => self.leaf(*b"lf", nodes),
            Lists::Hash => self.leaf(*b"lh", nodes),
            Lists::Leaf => self.leaf(*b"li", nodes),
            Lists::Index(most) if nodes.len() <= most => self.leaf(*b"lh", nodes),
            Lists::Index(most) => {
                let inner = lists(self, *b"lh", most);
                self.index(&inner)
            }
            Lists::Nested(most) => {
                let inner = lists(self, *b"li", most);
                let middle: Vec<u32> = inner.chunks(2).map(|part| self.index(part)).collect();
                self.index(&middle)
            }
        }
    }

    fn leaf(&mut self, kind: [u8; 2], nodes: &[(u32, &str)]) -> u32 {
        let mut content = kind.to_vec();
        halves(&mut content, &[nodes.len() as u16]);
        for (node, name) in nodes {
            words(&mut content, &[*node]);
            match &kind {
                b"lf" => content.extend(hint(name)),
                b"lh" => words(&mut content, &[hash(name)]),
                _ => {}
            }
        }
        self.cell(&content)
    }

    fn index(&mut self, lists: &[u32]) -> u32 {
        let mut content = b"ri".to_vec();
        halves(&mut content, &[lists.len() as u16]);
        words(&mut content, lists);
        self.cell(&content)
    }

    fn value(&mut self, value: &Value) -> u32 {
        let (name, compressed) = self.name(&value.name);
        let len = value.data.len() as u32;
        let (stated_len, data) = if len <= 4 {
            // The top bit says that the data stands here itself, in place of a reference.
            (len | 1 << 31, little_endian(&value.data))
        } else if len as usize > SEGMENT && self.hive.minor >= 4 {
            (len, self.big_data(&value.data))
        } else {
            (len, self.cell(&value.data))
        };
        let mut content = b"vk".to_vec();
        halves(&mut content, &[name.len() as u16]);
        words(&mut content, &[stated_len, data, value.kind]);
        halves(&mut content, &[u16::from(compressed), 0]);
        content.extend(name);
        self.cell(&content)
    }

    fn big_data(&mut self, data: &[u8]) -> u32 {
        let segments: Vec<u32> = data.chunks(SEGMENT).map(|part| self.segment(part)).collect();
        let list = self.references(&segments);
        let mut content = b"db".to_vec();
        halves(&mut content, &[segments.len() as u16]);
        words(&mut content, &[list]);
        self.cell(&content)
    }

    /// Part of big data. Windows leaves four bytes unused behind each.
    fn segment(&mut self, part: &[u8]) -> u32 {
        let mut content = part.to_vec();
        content.extend([0; 4]);
        self.cell(&content)
    }

    fn references(&mut self, cells: &[u32]) -> u32 {
        let mut content = Vec::new();
        words(&mut content, cells);
        self.cell(&content)
    }

    /// A name as stored, and whether it is Latin-1.
    fn name(&self, name: &str) -> (Vec<u8>, bool) {
        let latin: Option<Vec<u8>> = name.chars().map(|c| u8::try_from(c).ok()).collect();
        latin.filter(|_| !self.hive.wide_names).map_or_else(|| (utf16(name), false), |latin| (latin, true))
    }
}

/// The upper-case UTF-16 units of a name, by which lists are sorted.
fn upper(name: &str) -> Vec<u16> {
    // Windows never makes two characters of one, as "ß" to "SS" would be.
    let one = |c: char| c.to_uppercase().next().filter(|_| c.to_uppercase().count() == 1).unwrap_or(c);
    name.chars().map(one).collect::<String>().encode_utf16().collect()
}

/// The first four characters, or nothing where one does not fit a byte.
fn hint(name: &str) -> [u8; 4] {
    let mut hint = [0; 4];
    for (place, unit) in hint.iter_mut().zip(name.encode_utf16()) {
        *place = u8::try_from(unit).unwrap_or(0);
    }
    hint
}

fn hash(name: &str) -> u32 {
    upper(name).iter().fold(0, |sum: u32, unit| sum.wrapping_mul(37).wrapping_add(u32::from(*unit)))
}

/// The number that at most four bytes make.
fn little_endian(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |sum, byte| sum << 8 | u32::from(*byte))
}

fn words(to: &mut Vec<u8>, words: &[u32]) {
    to.extend(words.iter().flat_map(|word| word.to_le_bytes()));
}

fn halves(to: &mut Vec<u8>, halves: &[u16]) {
    to.extend(halves.iter().flat_map(|half| half.to_le_bytes()));
}

/// One small hive of each kind that a reader must understand, with a name for each: the seeds of `fuzz/corpus/hive/`.
///
/// The product keys in them are the published ones of `docs/formats.md`.
pub fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let mut hive = Hive::new();
    let current = hive.at("Microsoft\\Windows NT\\CurrentVersion");
    current.text("ProductName", "Windows 10 Pro").dword("InstallDate", 1_704_164_645).text("", "default");
    current.value("Dates", REG_QWORD, SOME_TIME.to_le_bytes()).value("Nothing", REG_NONE, []);
    let platform = current.child("SoftwareProtectionPlatform");
    platform.text("BackupProductKeyDefault", "VK7JG-NPHTM-C97JM-9MPGT-3V66T");
    hive.at("Microsoft\\Größe\\Ωmega").text("Größe", "Latin-1 name").text("Ω", "Unicode name");
    for number in 0..9 {
        hive.at(&format!("Classes\\.{number}{number}")).dword("n", number);
    }

    let made = |change: &dyn Fn(&mut Hive)| {
        let mut hive = hive.clone();
        change(&mut hive);
        hive.bytes()
    };
    let mut big = Hive::new();
    big.root.value("Big", REG_BINARY, (0..40_000_u32).map(|n| (n % 251) as u8).collect::<Vec<u8>>());
    vec![
        ("big_data", big.bytes()),
        ("dirty", made(&|hive| hive.dirty = true)),
        ("lf", made(&|hive| (hive.lists, hive.minor) = (Lists::Fast, 3))),
        ("lh", made(&|_| {})),
        ("li", made(&|hive| (hive.lists, hive.minor) = (Lists::Leaf, 2))),
        ("nested_ri", made(&|hive| hive.lists = Lists::Nested(2))),
        ("nt31", made(&|hive| (hive.lists, hive.minor, hive.wide_names) = (Lists::Leaf, 1, true))),
        ("ri", made(&|hive| hive.lists = Lists::Index(4))),
    ]
}
