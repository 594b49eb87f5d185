//! The operations of the fast interpreter: those of the instruction table, and sequences of them.

use crate::isa::Op;
use std::sync::LazyLock;

/// Operations of the longest sequence.
pub(crate) const LONGEST: usize = 6;

/// Calls a macro with the operations by kind, and with the sequences.
///
/// A sequence is worth its place if its operations often follow each other in compiled code: it is dispatched once.
/// `examples/sequences.rs` has made the list, from runs of the guest; with it, there are 0.44 dispatches a step.
macro_rules! with_operations {
    ($callback:ident) => {
        $callback! {
            register: [
                Add Sub Sll Slt Sltu Xor Srl Sra Or And Mul Mulh Mulhsu Mulhu Div Divu Rem Remu Sh1add Sh2add Sh3add
                Andn Orn Xnor Min Minu Max Maxu Rol Ror Addw Subw Sllw Srlw Sraw Mulw Divw Divuw Remw Remuw AddUw
                Sh1addUw Sh2addUw Sh3addUw Rolw Rorw
            ]
            immediate: [
                Addi Slti Sltiu Xori Ori Andi Slli Srli Srai Rori Addiw Slliw Srliw Sraiw Roriw SlliUw Clz Ctz Cpop
                SextB SextH OrcB Rev8 Clzw Ctzw Cpopw ZextH
            ]
            load: [Lb Lh Lw Ld Lbu Lhu Lwu]
            store: [Sb Sh Sw Sd]
            branch: [Beq Bne Blt Bge Bltu Bgeu]
            special: [Lui Auipc Jal Jalr Fence]
            sequences: [
                AddAdd: register Add, register Add;
                AddSd: register Add, store Sd;
                AddSltu: register Add, register Sltu;
                AddUwBgeu: register AddUw, branch Bgeu;
                AddiAddi: immediate Addi, immediate Addi;
                AddiBeq: immediate Addi, branch Beq;
                AddiBne: immediate Addi, branch Bne;
                AddiJalr: immediate Addi, special Jalr;
                AddiLd: immediate Addi, load Ld;
                AddiSub: immediate Addi, register Sub;
                AddiwAddiw: immediate Addiw, immediate Addiw;
                AndAdd: register And, register Add;
                AndAnd: register And, register And;
                AndiAdd: immediate Andi, register Add;
                AndiBeq: immediate Andi, branch Beq;
                AndiBne: immediate Andi, branch Bne;
                AndnXor: register Andn, register Xor;
                AuipcJalr: special Auipc, special Jalr;
                AuipcLd: special Auipc, load Ld;
                BeqAddi: branch Beq, immediate Addi;
                BgeuAddi: branch Bgeu, immediate Addi;
                BltuLd: branch Bltu, load Ld;
                LbuAddi: load Lbu, immediate Addi;
                LbuBeq: load Lbu, branch Beq;
                LbuBne: load Lbu, branch Bne;
                LbuLbu: load Lbu, load Lbu;
                LdAdd: load Ld, register Add;
                LdAddi: load Ld, immediate Addi;
                LdLd: load Ld, load Ld;
                LdSd: load Ld, store Sd;
                LdSlli: load Ld, immediate Slli;
                LuiAdd: special Lui, register Add;
                MulMulhu: register Mul, register Mulhu;
                MulhuAdd: register Mulhu, register Add;
                MulhuMul: register Mulhu, register Mul;
                OrBne: register Or, branch Bne;
                OrOr: register Or, register Or;
                RoriRori: immediate Rori, immediate Rori;
                SbAddi: store Sb, immediate Addi;
                SbSb: store Sb, store Sb;
                SdAdd: store Sd, register Add;
                SdAddi: store Sd, immediate Addi;
                SdLd: store Sd, load Ld;
                SdMul: store Sd, register Mul;
                SdMulhu: store Sd, register Mulhu;
                SdSd: store Sd, store Sd;
                Sh2addLw: register Sh2add, load Lw;
                SllOr: register Sll, register Or;
                SlliAdd: immediate Slli, register Add;
                SlliOr: immediate Slli, register Or;
                SlliSlli: immediate Slli, immediate Slli;
                SltuSub: register Sltu, register Sub;
                SrlAddi: register Srl, immediate Addi;
                SrliAdd: immediate Srli, register Add;
                SrliAndi: immediate Srli, immediate Andi;
                SrliSrli: immediate Srli, immediate Srli;
                SubAddi: register Sub, immediate Addi;
                SubAndi: register Sub, immediate Andi;
                SubSd: register Sub, store Sd;
                XorXor: register Xor, register Xor;
                AddAddAdd: register Add, register Add, register Add;
                AddAddSltu: register Add, register Add, register Sltu;
                AddSltuAdd: register Add, register Sltu, register Add;
                AddSubAndi: register Add, register Sub, immediate Andi;
                AddiAddiAddi: immediate Addi, immediate Addi, immediate Addi;
                AddiAddiBltu: immediate Addi, immediate Addi, branch Bltu;
                AddiAddiBne: immediate Addi, immediate Addi, branch Bne;
                AddiAddiJalr: immediate Addi, immediate Addi, special Jalr;
                AddiBeqBltu: immediate Addi, branch Beq, branch Bltu;
                AndiAddBgeu: immediate Andi, register Add, branch Bgeu;
                AndiAddBltu: immediate Andi, register Add, branch Bltu;
                AndiAddBne: immediate Andi, register Add, branch Bne;
                AndiSh2addLw: immediate Andi, register Sh2add, load Lw;
                BeqLdLd: branch Beq, load Ld, load Ld;
                LbuLbuBne: load Lbu, load Lbu, branch Bne;
                LbuLbuLbu: load Lbu, load Lbu, load Lbu;
                LdAddSd: load Ld, register Add, store Sd;
                LdAddiJalr: load Ld, immediate Addi, special Jalr;
                LdLbuAddi: load Ld, load Lbu, immediate Addi;
                MulAddSltu: register Mul, register Add, register Sltu;
                OrOrOr: register Or, register Or, register Or;
                SdAddiBltu: store Sd, immediate Addi, branch Bltu;
                SllOrAddi: register Sll, register Or, immediate Addi;
                AddSltuAddMul: register Add, register Sltu, register Add, register Mul;
                AddSltuLdAdd: register Add, register Sltu, load Ld, register Add;
                AddiAddiAddiAddi: immediate Addi, immediate Addi, immediate Addi, immediate Addi;
                AddiAddiAddiBne: immediate Addi, immediate Addi, immediate Addi, branch Bne;
                AddiAddiAuipcJalr: immediate Addi, immediate Addi, special Auipc, special Jalr;
                LbuLbuLbuLbu: load Lbu, load Lbu, load Lbu, load Lbu;
                LdLbuAddiSd: load Ld, load Lbu, immediate Addi, store Sd;
                LdLdLdLd: load Ld, load Ld, load Ld, load Ld;
                LdSdLdSd: load Ld, store Sd, load Ld, store Sd;
                MulhuMulMulhuMul: register Mulhu, register Mul, register Mulhu, register Mul;
                OrOrOrOr: register Or, register Or, register Or, register Or;
                SbAddiAddiBne: store Sb, immediate Addi, immediate Addi, branch Bne;
                SbSbSbSb: store Sb, store Sb, store Sb, store Sb;
                SdMulSdMulhu: store Sd, register Mul, store Sd, register Mulhu;
                SdSdSdSd: store Sd, store Sd, store Sd, store Sd;
                SlliAddLdLd: immediate Slli, register Add, load Ld, load Ld;
                SlliOrSlliOr: immediate Slli, register Or, immediate Slli, register Or;
                SlliSlliSlliSlli: immediate Slli, immediate Slli, immediate Slli, immediate Slli;
                SubAndiAddBgeu: register Sub, immediate Andi, register Add, branch Bgeu;
                SubSdBltuLd: register Sub, store Sd, branch Bltu, load Ld;
                AddSltuAddSltuAdd: register Add, register Sltu, register Add, register Sltu, register Add;
                AddUwBgeuAddAddAdd: register AddUw, branch Bgeu, register Add, register Add, register Add;
                AddiAddiAddiAuipcJalr: immediate Addi, immediate Addi, immediate Addi, special Auipc, special Jalr;
                AddiSdSdSdSd: immediate Addi, store Sd, store Sd, store Sd, store Sd;
                AndiSh2addLwSrliAndi: immediate Andi, register Sh2add, load Lw, immediate Srli, immediate Andi;
                LdAddSltuLdAdd: load Ld, register Add, register Sltu, load Ld, register Add;
                LdSdAddiAddiBltu: load Ld, store Sd, immediate Addi, immediate Addi, branch Bltu;
                MulAddSltuMulhuAdd: register Mul, register Add, register Sltu, register Mulhu, register Add;
                SdSdSdSdSd: store Sd, store Sd, store Sd, store Sd, store Sd;
                SrlAddiSllOrAddi: register Srl, immediate Addi, register Sll, register Or, immediate Addi;
                AddSltuAddAddSltuAdd: register Add, register Sltu, register Add, register Add, register Sltu, register Add;
                AddSubAndiAndiAddBne: register Add, register Sub, immediate Andi, immediate Andi, register Add, branch Bne;
                AndiSh2addLwSrliAndiBltu: immediate Andi, register Sh2add, load Lw, immediate Srli, immediate Andi, branch Bltu;
                LbuAddiSbAddiAddiBne: load Lbu, immediate Addi, store Sb, immediate Addi, immediate Addi, branch Bne;
                LbuLbuLbuLbuSlliOr: load Lbu, load Lbu, load Lbu, load Lbu, immediate Slli, register Or;
                LbuLbuLbuLbuSlliSlli: load Lbu, load Lbu, load Lbu, load Lbu, immediate Slli, immediate Slli;
                SlliSlliOrOrOrOr: immediate Slli, immediate Slli, register Or, register Or, register Or, register Or;
            ]
        }
    };
}
pub(crate) use with_operations;

macro_rules! define {
    (
        register: [$($register:ident)*]
        immediate: [$($immediate:ident)*]
        load: [$($load:ident)*]
        store: [$($store:ident)*]
        branch: [$($branch:ident)*]
        special: [$($special:ident)*]
        sequences: [$($sequence:ident: $($kind:ident $op:ident),+;)*]
    ) => {
        /// What a slot does.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u16)]
        pub(crate) enum Operation {
            /// Not here: the reference interpreter does it.
            Slow,
            $($register,)* $($immediate,)* $($load,)* $($store,)* $($branch,)* $($special,)* $($sequence,)*
        }

        impl Operation {
            /// The operation of an instruction.
            pub(crate) fn of(op: Op) -> Self {
                match op {
                    $(Op::$register => Self::$register,)*
                    $(Op::$immediate => Self::$immediate,)*
                    $(Op::$load => Self::$load,)*
                    $(Op::$store => Self::$store,)*
                    $(Op::$branch => Self::$branch,)*
                    $(Op::$special => Self::$special,)*
                    Op::Ecall => Self::Slow,
                }
            }

            /// What a slot does first: a sequence's first operation, otherwise its only one.
            pub(crate) fn first(self) -> Self {
                match self {
                    $(Self::$sequence => [$(Self::$op,)+][0],)*
                    single => single,
                }
            }
        }

        /// Sequences with their operations, in no order.
        const SEQUENCES: &[Sequence] =
            &[$((Operation::$sequence, &[$(Operation::$op,)+]),)*];
    };
}
with_operations!(define);

/// A sequence, and its operations.
type Sequence = (Operation, &'static [Operation]);

/// Sequences by their first operation, longest first.
static BY_FIRST: LazyLock<Vec<Vec<Sequence>>> = LazyLock::new(|| {
    let mut lists = vec![Vec::new(); usize::from(u8::MAX)];
    for (sequence, operations) in SEQUENCES {
        lists[operations[0] as usize].push((*sequence, *operations));
    }
    for list in &mut lists {
        list.sort_by_key(|(_, operations)| std::cmp::Reverse(operations.len()));
    }
    lists
});

impl Operation {
    /// The longest sequence that single operations begin with, or the first of them if there is none.
    pub(crate) fn sequence(singles: &[Self; LONGEST]) -> Self {
        let list = &BY_FIRST[singles[0] as usize];
        let found = list.iter().find(|(_, operations)| singles.starts_with(operations));
        found.map_or(singles[0], |(sequence, _)| *sequence)
    }
}
