/* A double of the one command of Redis 8.12 that no server here has, as a module: `BLESS SET key NO-EVICT`. It keeps nothing
 * from being evicted, and notes the key in the set `blessed`. The few functions of the module interface that it needs are
 * declared here, as the server's own documentation names them. */
#include <stddef.h>

typedef struct Context Context;
typedef struct String String;
typedef struct Reply Reply;
typedef int Command(Context *, String **, int);

static int (*CreateCommand)(Context *, const char *, Command *, const char *, int, int, int);
static int (*SetModuleAttribs)(Context *, const char *, int, int);
static int (*WrongArity)(Context *);
static int (*ReplyWithSimpleString)(Context *, const char *);
static Reply *(*Call)(Context *, const char *, const char *, ...);
static void (*FreeCallReply)(Reply *);

static int bless(Context *context, String **words, int count) {
    if (count != 4) return WrongArity(context);
    Reply *noted = Call(context, "SADD", "cs", "blessed", words[2]);
    if (noted) FreeCallReply(noted);
    return ReplyWithSimpleString(context, "OK");
}

int RedisModule_OnLoad(Context *context, String **words, int count) {
    (void)words;
    (void)count;
    int (*get)(const char *, void *) = ((int (**)(const char *, void *))context)[0];
    get("RedisModule_CreateCommand", &CreateCommand);
    get("RedisModule_SetModuleAttribs", &SetModuleAttribs);
    get("RedisModule_WrongArity", &WrongArity);
    get("RedisModule_ReplyWithSimpleString", &ReplyWithSimpleString);
    get("RedisModule_Call", &Call);
    get("RedisModule_FreeCallReply", &FreeCallReply);
    if (SetModuleAttribs == NULL || CreateCommand == NULL) return 1;
    SetModuleAttribs(context, "bless", 1, 1);
    return CreateCommand(context, "BLESS", bless, "write", 2, 2, 1);
}
