/*
 * script.h - the language of connection_fuzz: SCENE_BYTES of scene.h, then actions of three bytes, some with bytes
 * behind them. seeds.c writes scripts, connection_fuzz.c plays them.
 *
 * The lowest bit of the first byte says whose turn it is (0: the client), or whose bytes on the wire are meant (those
 * that were sent by it); the rest is the action.
 */
#ifndef FUZZ_SCRIPT_H
#define FUZZ_SCRIPT_H

enum script_action {
    /* what owners do */
    SCRIPT_FLUSH,   /* a, b: so many bytes (b * 256 + a) of the output pass to the wire; 0: all */
    SCRIPT_DELIVER, /* a, b: so many bytes that it sent arrive at the other; 0: all */
    SCRIPT_ANSWER,  /* the open ask; a odd: by no */
    SCRIPT_RUN,     /* everything passes and is answered until nothing moves */
    SCRIPT_SEND,    /* a, b: so many bytes of data are given to kt_conn_send */
    SCRIPT_WRITE,   /* likewise, by kt_conn_write and kt_conn_write_done */
    SCRIPT_RECEIVE, /* a, b: at most so many bytes are taken; 0: all there are */
    SCRIPT_REKEY,   /* a: enum kt_rekey */
    SCRIPT_REQUEST, /* a certificate after the handshake; a: enum kt_client_auth */
    SCRIPT_TICKETS, /* a: so many */
    SCRIPT_CLOSE,
    SCRIPT_TIME,      /* a, b: so many tenths of a second pass, and both tick */
    SCRIPT_REST,      /* a: enum kt_direction */
    SCRIPT_RECONNECT, /* a odd: with the last session the client was told of */
    SCRIPT_LOOK,      /* all that can be asked of a connection without changing it */
    SCRIPT_MISUSE,    /* a: a call that is out of place */
    /* what an attacker does on the wire; a: in which record of those that have not arrived at all, b: where in it */
    SCRIPT_FLIP,   /* one bit */
    SCRIPT_DROP,   /* the record */
    SCRIPT_DOUBLE, /* the record stands there twice */
    SCRIPT_SWAP,   /* with the next one */
    SCRIPT_CUT,    /* its end is missing from b on */
    SCRIPT_INJECT, /* before it: a record of type b >> 4 from 20 on; then a byte of length, and so many bytes */
    SCRIPT_END,    /* the transport ends for the receiver of these bytes */
    /* what the world does */
    SCRIPT_NO_MEMORY, /* the a-th allocation from now fails */
    SCRIPT_NO_RANDOM,
    SCRIPT_NO_CRYPTO,
    SCRIPT_ACTIONS
};

#endif
