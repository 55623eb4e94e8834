/*
 * keyturn.h - the whole native API.
 */
#ifndef KEYTURN_H
#define KEYTURN_H

#include <keyturn/ask.h>
#include <keyturn/base.h>
#include <keyturn/config.h>
#include <keyturn/conn.h>
#include <keyturn/drive.h>
#include <keyturn/env.h>
#include <keyturn/fault.h>
#include <keyturn/inspect.h>
#include <keyturn/lifetime.h>
#include <keyturn/message.h>
#include <keyturn/pki.h>
#include <keyturn/policy.h>
#include <keyturn/session.h>
#include <keyturn/session_cache.h>
#include <keyturn/store.h>

#endif
