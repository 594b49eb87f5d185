// A disk that forgets: what a process wrote to a folder and did not flush is thrown away at a power cut.
//
// Loaded into a process by LD_PRELOAD, this stands between it and the system. Before each change of a file in the folder
// POWERCUT_DIR it notes in the journal POWERCUT_JOURNAL what was there; after each flush it notes that. The process is then
// killed at any instant, and e2e::powercut undoes, from the journal, every change that no flush had made last. The journal
// is written before the change, so a kill in between leaves at most a note too many.
//
// Nothing is really flushed, which would only take time: a flush waits for up to POWERCUT_FLUSH_US microseconds, so that
// kills also happen while one is under way. After a cut the machine has another boot id: POWERCUT_BOOT names its file.
//
// What a process writes through a shared memory map is not seen here. So such a map of a file of the folder ends the
// process, but for the database's lock file, which counts as never written.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { WRITE = 1, TRUNCATE, FLUSH, CREATE, RENAME, UNLINK, FLUSH_FOLDER };

struct note {
    uint32_t kind;
    uint32_t length; // of what follows
    uint64_t inode;
    uint64_t a, b;
};

#define MAX_FILES 65536
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int journal = -1;
static uint64_t notes, graves;
static char folder[PATH_MAX], grave_folder[PATH_MAX], boot[PATH_MAX];
static size_t folder_length;
static unsigned flush_us;
static ino_t files[MAX_FILES];
static size_t file_count;

static void fail(const char *what) {
    dprintf(2, "powercut: %s: %s\n", what, strerror(errno));
    _exit(99);
}

__attribute__((constructor)) static void begin(void) {
    const char *dir = getenv("POWERCUT_DIR"), *path = getenv("POWERCUT_JOURNAL");
    if (!dir || !path) return;
    if (!realpath(dir, folder)) fail(dir);
    folder_length = strlen(folder);
    snprintf(grave_folder, sizeof grave_folder, "%s.graves", path);
    snprintf(boot, sizeof boot, "%s", getenv("POWERCUT_BOOT") ? getenv("POWERCUT_BOOT") : "");
    flush_us = getenv("POWERCUT_FLUSH_US") ? (unsigned)atoi(getenv("POWERCUT_FLUSH_US")) : 0;
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) fail(path);
    // Out of the way of a process that counts its descriptors.
    journal = fcntl(fd, F_DUPFD_CLOEXEC, 1000);
    if (journal < 0) journal = fd;
    else syscall(SYS_close, fd);
}

static void note(uint32_t kind, ino_t inode, uint64_t a, uint64_t b, const void *bytes, size_t length) {
    struct note head = {kind, (uint32_t)length, inode, a, b};
    struct iovec parts[2] = {{&head, sizeof head}, {(void *)bytes, length}};
    size_t whole = sizeof head + length;
    if (syscall(SYS_writev, journal, parts, length ? 2 : 1) != (ssize_t)whole) fail("journal");
    notes++;
}

// Whether a path is in the folder. Relative ones are those of a process that keeps its files elsewhere.
static int is_inside(const char *path) {
    return journal >= 0 && strncmp(path, folder, folder_length) == 0 &&
           (path[folder_length] == '/' || path[folder_length] == 0);
}

static int is_known(int fd, struct stat *found) {
    if (journal < 0 || fd == journal || fstat(fd, found) != 0 || !S_ISREG(found->st_mode)) return 0;
    for (size_t i = 0; i < file_count; i++)
        if (files[i] == found->st_ino) return 1;
    return 0;
}

static void know(int fd) {
    struct stat found;
    if (is_known(fd, &found) || !S_ISREG(found.st_mode)) return;
    if (file_count == MAX_FILES) fail("too many files");
    files[file_count++] = found.st_ino;
}

static void parent(const char *path, char *out) {
    snprintf(out, PATH_MAX, "%s", path);
    char *end = strrchr(out, '/');
    if (end) *end = 0;
}

static ino_t inode_of(const char *path) {
    struct stat found;
    return stat(path, &found) == 0 ? found.st_ino : 0;
}

static ino_t folder_of(const char *path) {
    char above[PATH_MAX];
    parent(path, above);
    return inode_of(above);
}

// Keeps a file that is about to lose its name. Returns the number of its grave.
static uint64_t bury(const char *path) {
    char grave[PATH_MAX + 32];
    snprintf(grave, sizeof grave, "%s/%llu", grave_folder, (unsigned long long)++graves);
    if (syscall(SYS_linkat, AT_FDCWD, path, AT_FDCWD, grave, 0) != 0) fail(grave);
    return graves;
}

static int truncate_unlocked(int fd, off_t length);

static int open_any(int at, const char *path, int flags, mode_t mode) {
    if (boot[0] && strcmp(path, "/proc/sys/kernel/random/boot_id") == 0)
        return (int)syscall(SYS_openat, AT_FDCWD, boot, flags, mode);
    if (!is_inside(path)) return (int)syscall(SYS_openat, at, path, flags, mode);
    pthread_mutex_lock(&lock);
    if ((flags & O_CREAT) && inode_of(path) == 0)
        note(CREATE, folder_of(path), 0, 0, path, strlen(path));
    if (flags & O_TRUNC) {
        // As a change of its own, so that it can be undone.
        int fd = (int)syscall(SYS_openat, at, path, O_WRONLY | O_CLOEXEC);
        if (fd >= 0) {
            know(fd);
            truncate_unlocked(fd, 0);
            syscall(SYS_close, fd);
        }
    }
    int fd = (int)syscall(SYS_openat, at, path, flags, mode);
    int error = errno;
    if (fd >= 0) know(fd);
    pthread_mutex_unlock(&lock);
    errno = error;
    return fd;
}

#define MODE(flags) \
    mode_t mode = 0; \
    if ((flags) & (O_CREAT | O_TMPFILE)) { \
        va_list rest; \
        va_start(rest, flags); \
        mode = va_arg(rest, mode_t); \
        va_end(rest); \
    }

int open(const char *path, int flags, ...) { MODE(flags) return open_any(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags) return open_any(AT_FDCWD, path, flags, mode); }
int openat(int at, const char *path, int flags, ...) { MODE(flags) return open_any(at, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { MODE(flags) return open_any(at, path, flags, mode); }

// Notes what stands where `length` bytes are about to be written.
static void note_write(int fd, const struct stat *file, off_t at, size_t length) {
    size_t old = 0;
    if (at < file->st_size) old = (size_t)(file->st_size - at) < length ? (size_t)(file->st_size - at) : length;
    char *bytes = malloc(old ? old : 1);
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    // The descriptor may be for writing only.
    int reading = old ? (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC) : -1;
    for (size_t done = 0; done < old;) {
        ssize_t got = syscall(SYS_pread64, reading, bytes + done, old - done, at + (off_t)done);
        if (got <= 0) fail("reading what was there");
        done += (size_t)got;
    }
    if (reading >= 0) syscall(SYS_close, reading);
    note(WRITE, file->st_ino, (uint64_t)at, (uint64_t)file->st_size, bytes, old);
    free(bytes);
}

// A change of a file: noted, made, and flushed at once if the descriptor asks for that.
#define CHANGE(fd, notes_it, makes_it) \
    struct stat file; \
    pthread_mutex_lock(&lock); \
    int known = is_known(fd, &file); \
    if (known) { notes_it; } \
    __typeof__(makes_it) result = (makes_it); \
    int error = errno; \
    if (known && result >= 0 && (fcntl(fd, F_GETFL) & O_DSYNC)) note(FLUSH, file.st_ino, notes, 1, NULL, 0); \
    pthread_mutex_unlock(&lock); \
    errno = error; \
    return result;

static size_t sum(const struct iovec *parts, int count) {
    size_t all = 0;
    for (int i = 0; i < count; i++) all += parts[i].iov_len;
    return all;
}

static off_t place(int fd, const struct stat *file) {
    return (fcntl(fd, F_GETFL) & O_APPEND) ? file->st_size : (off_t)syscall(SYS_lseek, fd, 0, SEEK_CUR);
}

ssize_t write(int fd, const void *bytes, size_t length) {
    CHANGE(fd, note_write(fd, &file, place(fd, &file), length), syscall(SYS_write, fd, bytes, length))
}
ssize_t writev(int fd, const struct iovec *parts, int count) {
    CHANGE(fd, note_write(fd, &file, place(fd, &file), sum(parts, count)), syscall(SYS_writev, fd, parts, count))
}
ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t at) {
    CHANGE(fd, note_write(fd, &file, at, length), syscall(SYS_pwrite64, fd, bytes, length, at))
}
ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) { return pwrite64(fd, bytes, length, at); }
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t at) {
    CHANGE(fd, note_write(fd, &file, at, sum(parts, count)), syscall(SYS_pwritev, fd, parts, count, at, 0))
}
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) { return pwritev64(fd, parts, count, at); }

static void note_truncate(int fd, const struct stat *file, off_t length) {
    // What goes is written over first, as far as undoing is concerned.
    if (length < file->st_size) note_write(fd, file, length, (size_t)(file->st_size - length));
    else note(TRUNCATE, file->st_ino, (uint64_t)length, (uint64_t)file->st_size, NULL, 0);
}
static int truncate_unlocked(int fd, off_t length) {
    struct stat file;
    if (is_known(fd, &file)) note_truncate(fd, &file, length);
    return (int)syscall(SYS_ftruncate, fd, length);
}
int ftruncate64(int fd, off64_t length) {
    pthread_mutex_lock(&lock);
    int result = truncate_unlocked(fd, length), error = errno;
    pthread_mutex_unlock(&lock);
    errno = error;
    return result;
}
int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }

static int flush(int fd, long call) {
    struct stat found;
    pthread_mutex_lock(&lock);
    int is_folder = journal >= 0 && fstat(fd, &found) == 0 && S_ISDIR(found.st_mode);
    int known = is_known(fd, &found);
    uint64_t before = notes;
    pthread_mutex_unlock(&lock);
    if (!known && !is_folder) return (int)syscall(call, fd);
    if (flush_us) {
        struct timespec now, wait = {0, 0};
        clock_gettime(CLOCK_MONOTONIC, &now);
        wait.tv_nsec = (now.tv_nsec / 1000 % flush_us) * 1000L;
        nanosleep(&wait, NULL);
    }
    pthread_mutex_lock(&lock);
    note(known ? FLUSH : FLUSH_FOLDER, found.st_ino, before, 0, NULL, 0);
    pthread_mutex_unlock(&lock);
    return 0;
}
int fsync(int fd) { return flush(fd, SYS_fsync); }
int fdatasync(int fd) { return flush(fd, SYS_fdatasync); }

int rename(const char *from, const char *to) {
    if (!is_inside(from) && !is_inside(to))
        return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
    pthread_mutex_lock(&lock);
    char both[2 * PATH_MAX];
    int length = snprintf(both, sizeof both, "%s%c%s", from, 0, to);
    note(RENAME, folder_of(to), inode_of(to) ? bury(to) : 0, 0, both, (size_t)length);
    int result = (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0), error = errno;
    pthread_mutex_unlock(&lock);
    errno = error;
    return result;
}

static int unlink_any(int at, const char *path, int flags) {
    if (!is_inside(path) || inode_of(path) == 0) return (int)syscall(SYS_unlinkat, at, path, flags);
    pthread_mutex_lock(&lock);
    note(UNLINK, folder_of(path), bury(path), 0, path, strlen(path));
    int result = (int)syscall(SYS_unlinkat, at, path, flags), error = errno;
    pthread_mutex_unlock(&lock);
    errno = error;
    return result;
}
int unlink(const char *path) { return unlink_any(AT_FDCWD, path, 0); }
int unlinkat(int at, const char *path, int flags) { return unlink_any(at, path, flags); }

int mkdir(const char *path, mode_t mode) {
    if (is_inside(path) && inode_of(path) == 0) {
        pthread_mutex_lock(&lock);
        note(CREATE, folder_of(path), 0, 0, path, strlen(path));
        pthread_mutex_unlock(&lock);
    }
    return (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
}

void *mmap64(void *address, size_t length, int protection, int flags, int fd, off64_t at) {
    struct stat file;
    if (fd >= 0 && (protection & PROT_WRITE) && (flags & MAP_SHARED) && is_known(fd, &file)) {
        char link[64], path[PATH_MAX];
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t end = readlink(link, path, sizeof path - 1);
        path[end > 0 ? end : 0] = 0;
        if (!strstr(path, "mdbx.lck")) fail("a file is written through memory, unseen");
    }
    return (void *)syscall(SYS_mmap, address, length, protection, flags, fd, at);
}
void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t at) {
    return mmap64(address, length, protection, flags, fd, at);
}
