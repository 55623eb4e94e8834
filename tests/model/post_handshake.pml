/*
 * post_handshake.pml - what two connected ends of TLS 1.3 owe each other, and how the sending half pays it.
 *
 * The counterpart of src/conn/rekey.c, src/conn/output.c, src/record/link.h and src/hs/post13.c: KeyUpdate both ways with
 * requests that cross, output that is full, memory that is lent, flights that the receiving half leaves (docs/adr/0012),
 * the budget of messages without data, a request that is not answered in time, and closing in each half.
 *
 * A run has OPS calls of the applications, in any order, between which the transport moves what it likes. So every run
 * ends, and where it ends nothing may be owed. test_model.py lets spin look at all runs; and it walks random ones, whose
 * printed steps replay.c takes with two real connections, comparing the states after each step.
 *
 * BREAK takes one rule away, for the proof that the rule is looked after: test_model.py has the list.
 */
#ifndef OPS
#define OPS 5
#endif
#ifndef BREAK
#define BREAK 0
#endif

#define BUDGET 2 /* messages that the peer may send without data */
#define LIMIT  2 /* records under one key, after which the client asks for a new one */
#define QUEUE  24

#define O (1 - I)

mtype = { data, update, request, flight_begins, flight_ends, close_notify, fatal };

/* The output of each end: finished records, each under the key of an epoch. */
chan out[2] = [QUEUE] of { mtype, byte };

byte left = OPS;

/* The word on the link (record/link.h). */
bit answer[2], send[2], ask[2], ask_due[2], asked[2], in_closed[2], out_closed[2], sent[2], alert[2];
mtype alert_kind[2];

/* The connection. */
bit fault[2], close_owed[2], lent[2], late[2];
byte tx_epoch[2], rx_epoch[2], rx_records[2], tokens[2];

/*
 * The output: no room but for an alert; the first record is half out; the end of a flight is in it. A flight is owed,
 * and a part of it is out.
 */
bit no_room[2], half[2], long_end[2], flight[2], begun[2];

/* Of the model alone: the clock went a minute; what an observer of the wire knows. */
bit aged[2];
bit wire_asked[2], wire_inside[2], wire_ended[2];
byte lent_epoch[2];

/* ---- records ---- */

inline emit(I, kind)
{
    assert(!out_closed[I]); /* nothing behind a close */
    assert(!lent[I]);       /* nothing where an application writes */
    out[I]!kind, tx_epoch[I]
}

inline fail(I, kind)
{
    if
    :: fault[I] -> skip
    :: else ->
        fault[I] = 1;
        alert[I] = 1;
        alert_kind[I] = kind
    fi
}

/* ---- paying (rekey.c) ---- */

#define ASKS(I)   (!in_closed[I] && !asked[I] && (ask[I] || ask_due[I]))
#define CHANGE(I) (send[I] || answer[I] || ASKS(I))
#define LATE(I)   (late[I] && asked[I] && !in_closed[I])
#define PAYS(I)   (!lent[I] || (fault[I] && BREAK != 7) || BREAK == 5)
#define HAS_DEBT(I)                                                                                                    \
    (alert[I] || (flight[I] && !no_room[I]) || (!flight[I] && close_owed[I]) ||                                           \
     (!begun[I] && !(close_owed[I] && !flight[I]) && (LATE(I) || (CHANGE(I) && !no_room[I]))))
#define CAN_PAY(I) (!out_closed[I] && PAYS(I) && HAS_DEBT(I))

/* RFC 9846 section 4.7.3: the message is the last one under its key. */
inline change_keys(I)
{
    answer[I] = 0;
    send[I] = 0;
    if
    :: ASKS(I) || (BREAK == 1 && ask[I]) ->
        assert(!wire_asked[I]); /* never a second request while one is outstanding */
        wire_asked[I] = 1;
        emit(I, request);
        ask[I] = 0;
        ask_due[I] = 0;
        asked[I] = 1;
        late[I] = 0;
        sent[I] = 1
    :: else -> emit(I, update)
    fi;
    tx_epoch[I]++
}

inline pay_rekey(I)
{
    if
    :: LATE(I) -> fail(I, close_notify)
    :: !LATE(I) && CHANGE(I) && !no_room[I] -> change_keys(I)
    :: !LATE(I) && CHANGE(I) && no_room[I] ->
        if
        :: BREAK == 2 -> answer[I] = 0
        :: else -> skip
        fi
    :: else -> skip
    fi
}

inline pay_alert(I, kind)
{
    emit(I, kind);
    out_closed[I] = 1
}

inline pay_flight(I)
{
    if
    :: flight[I] && (!begun[I] || BREAK == 3) -> pay_rekey(I)
    :: else -> skip
    fi;
    if
    :: flight[I] && !no_room[I] && !fault[I] && !begun[I] ->
        emit(I, flight_begins); /* it fills the output */
        begun[I] = 1;
        no_room[I] = 1
    :: flight[I] && !no_room[I] && !fault[I] && begun[I] ->
        emit(I, flight_ends);
        long_end[I] = 1;
        begun[I] = 0;
        flight[I] = 0
    :: else -> skip
    fi
}

inline pay_connected(I)
{
    pay_flight(I);
    if
    :: fault[I] || (flight[I] && BREAK != 4) -> skip
    :: else ->
        if
        :: close_owed[I] -> close_owed[I] = 0; pay_alert(I, close_notify)
        :: else -> pay_rekey(I)
        fi
    fi
}

inline pay(I)
{
    if
    :: !out_closed[I] && !alert[I] -> pay_connected(I)
    :: else -> skip
    fi;
    if
    :: !out_closed[I] && alert[I] -> pay_alert(I, alert_kind[I])
    :: else -> skip
    fi
}

/* ---- receiving (input.c, post13.c) ---- */

inline refill(I, n)
{
    tokens[I] = (tokens[I] + n > BUDGET -> BUDGET : tokens[I] + n)
}

/* What pays for a message: time, and what was sent since the last one (docs/adr/0011). */
inline refill_for_message(I)
{
    refill(I, (aged[I] -> BUDGET : 0) + sent[I]);
    aged[I] = 0;
    sent[I] = 0
}

inline receive_update(I, requested)
{
    assert(!wire_inside[I]);
    refill_for_message(I);
    if
    :: tokens[I] == 0 && BREAK != 9 -> fail(I, fatal)
    :: else ->
        assert(tokens[I] > 0); /* no more messages without data than the budget has */
        tokens[I]--;
        rx_epoch[I]++;
        rx_records[I] = 0;
        wire_asked[I] = 0;
        asked[I] = 0;
        late[I] = 0;
        if
        :: requested -> answer[I] = 1
        :: else -> skip
        fi
    fi
}

inline receive_data(I)
{
    assert(!wire_inside[I]);
    refill(I, 1);
    if
    :: I == 0 && rx_records[I] >= LIMIT && !ask_due[I] && !asked[I] && !in_closed[I] -> ask_due[I] = 1
    :: else -> skip
    fi
}

inline receive_flight(I)
{
    wire_inside[I] = 0;
    refill_for_message(I);
    if
    :: tokens[I] == 0 -> fail(I, fatal)
    :: else -> tokens[I]--
    fi
}

inline receive(I, kind, epoch)
{
    assert(!wire_ended[I]); /* nothing comes behind a close */
    assert(epoch == rx_epoch[I] || fault[I]);
    if
    :: fault[I] || in_closed[I] -> skip
    :: else ->
        rx_records[I] = (rx_records[I] < LIMIT -> rx_records[I] + 1 : LIMIT);
        if
        :: kind == data -> receive_data(I)
        :: kind == update -> receive_update(I, 0)
        :: kind == request -> receive_update(I, 1)
        :: kind == flight_begins -> wire_inside[I] = 1; rx_records[I] = LIMIT
        :: kind == flight_ends -> rx_records[I] = LIMIT; receive_flight(I)
        :: kind == close_notify -> assert(!wire_inside[I]); in_closed[I] = 1
        :: kind == fatal -> fault[I] = 1; out_closed[I] = 1; alert[I] = 0
        fi
    fi;
    if
    :: kind == close_notify || kind == fatal -> wire_ended[I] = 1
    :: else -> skip
    fi
}

/* ---- calls of the application (output.c) ---- */

#define OPEN(I) (!fault[I] && ((!out_closed[I] && !close_owed[I]) || BREAK == 6))
#define RUNS(I) (!fault[I] && !out_closed[I])
#define CALL    (left > 0)

inline write_record(I)
{
    lent[I] = 0;
    pay(I);
    if
    :: (!out_closed[I] || BREAK == 6) && !no_room[I] -> emit(I, data); sent[I] = 1
    :: else -> skip
    fi
}

inline lend(I)
{
    pay(I);
    if
    :: !out_closed[I] && !no_room[I] ->
        lent[I] = 1;
        lent_epoch[I] = tx_epoch[I]
    :: else -> skip
    fi
}

inline give_back(I)
{
    assert(lent_epoch[I] == tx_epoch[I]); /* no key changes inside a record */
    lent[I] = 0;
    emit(I, data);
    sent[I] = 1
}

inline close_half(I)
{
    lent[I] = (BREAK == 8 && lent[I]);
    close_owed[I] = 1;
    pay(I)
}

inline a_minute_passes()
{
    aged[0] = 1;
    aged[1] = 1;
    late[0] = asked[0];
    late[1] = asked[1]
}

/* ---- the transport ---- */

inline pay_unless_lent(I)
{
    if
    :: PAYS(I) ->
        lent[I] = (lent[I] && !fault[I]); /* who failed takes back what was lent */
        pay(I)
    :: else -> skip
    fi
}

inline move(I)
{
    pay_unless_lent(I);
    if
    :: len(out[I]) > 0 ->
        out[I]?kind, epoch;
        half[I] = 0;
        no_room[I] = (len(out[I]) > 0 && no_room[I]);
        long_end[I] = (len(out[I]) > 0 && long_end[I]);
        printf(" %e", kind);
        receive(O, kind, epoch)
    :: else -> skip
    fi
}

/* ---- all of it ---- */

#define SHOW(I)                                                                                                        \
    printf(" | %d %d %d%d%d%d%d%d%d%d %d%d%d%d%d %d %d", tx_epoch[I], rx_epoch[I], answer[I], send[I], ask[I],         \
           ask_due[I], asked[I], in_closed[I], out_closed[I], sent[I], fault[I], close_owed[I], lent[I], flight[I],    \
           begun[I], tokens[I], len(out[I]))
#define SHOW_BOTH() SHOW(0); SHOW(1); printf("\n")

/* What is left when nobody can do anything: what was owed is paid, or the sending half is closed. */
#define SETTLED(I)                                                                                                     \
    (len(out[I]) == 0 && (fault[I] -> out_closed[I] : 1) &&                                                            \
     (out_closed[I] || (!answer[I] && !send[I] && !flight[I] && !close_owed[I] && !lent[I] &&                          \
                        (in_closed[I] || (!ask[I] && !ask_due[I] && !asked[I])))))

proctype end(byte I)
{
    mtype kind;
    byte epoch;

    do
    :: d_step { CALL && OPEN(I) -> left--; printf("step write %d", I); write_record(I); SHOW_BOTH() }
    :: d_step { CALL && OPEN(I) && !lent[I] -> left--; printf("step lend %d", I); lend(I); SHOW_BOTH() }
    :: d_step { CALL && RUNS(I) && !send[I] -> left--; printf("step rekey %d", I); send[I] = 1; SHOW_BOTH() }
    :: d_step { CALL && RUNS(I) && !ask[I] -> left--; printf("step rekey-both %d", I); send[I] = 1; ask[I] = 1; SHOW_BOTH() }
    :: d_step { CALL && RUNS(I) && !close_owed[I] -> left--; printf("step close %d", I); close_half(I); SHOW_BOTH() }
    :: d_step { CALL && I == 1 && RUNS(I) && !flight[I] && !long_end[I] ->
                left--; printf("step leave %d", I); flight[I] = 1; SHOW_BOTH() }
    :: d_step { CALL && RUNS(I) && asked[I] && !late[I] -> left--; printf("step wait %d", I); a_minute_passes(); SHOW_BOTH() }
    :: d_step { CALL && len(out[I]) > 0 && !no_room[I] && !lent[I] && !begun[I] ->
                left--; printf("step fill %d", I); no_room[I] = 1; SHOW_BOTH() }
    :: d_step { lent[I] && !fault[I] -> printf("step give-back %d", I); give_back(I); SHOW_BOTH() }
    :: d_step { CAN_PAY(I) -> printf("step tick %d", I); pay_unless_lent(I); SHOW_BOTH() }
    :: d_step { len(out[I]) > 0 && !half[I] -> printf("step half %d", I); pay_unless_lent(I); half[I] = 1; SHOW_BOTH() }
    :: d_step { len(out[I]) > 0 || CAN_PAY(I) -> printf("step move %d", I); move(I); SHOW_BOTH(); kind = 0; epoch = 0 }
    :: timeout -> break
    od;
    assert(SETTLED(I))
}

init
{
    tokens[0] = BUDGET;
    tokens[1] = BUDGET;
    atomic {
        run end(0);
        run end(1)
    }
}

/* Whoever was asked for a new key changes it, or closes. */
ltl an_answer_owed_is_paid { [] ((answer[0] -> <> (!answer[0] || out_closed[0])) &&
                                 (answer[1] -> <> (!answer[1] || out_closed[1]))) }
/* Closed is closed. */
ltl a_closed_half_stays_closed { [] ((out_closed[0] -> [] out_closed[0]) && (out_closed[1] -> [] out_closed[1])) }
