/* runtime/top/husk-top.c: a full-screen view of all containers, live.
 *
 * It knows nothing of cgroups: it reads what `husk stats --stream --format json` says, a line each second, and what it
 * does to a container is done by husk's commands. So it shows and does what a person at the shell could, as that person.
 * ncurses(3NCURSES) draws; the terminal is put back by one function, whatever ends the program. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <locale.h>
#include <ncurses.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <yajl/yajl_tree.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
enum { HISTORY = 240, ID_MAX = 256, MESSAGE_MAX = 512, PANEL_ROWS = 7, BAR = 10, WORDS_MAX = 32 };

/* What is kept of a container from one second to the next, newest last. */
struct series {
	float points[HISTORY];
	size_t count;
};

enum { SERIES_CPU, SERIES_MEMORY, SERIES_IO, SERIES_PRESSURE, SERIES_COUNT };

struct container {
	char id[ID_MAX];
	char status[16];
	double cpu, memory_percent, cpu_pressure, memory_pressure, io_pressure;
	double memory, memory_limit, io_bytes, io_rate, pids;
	struct series series[SERIES_COUNT];
	bool seen; /* in the last line */
};

struct view {
	struct container *items;
	size_t count, size;
	size_t selected, first; /* indexes of rows */
	int sort;
	bool unicode;
	char selected_id[ID_MAX];
	char message[MESSAGE_MAX];
};

static volatile sig_atomic_t ended_by;
static char runtime[PATH_MAX], *root;

/* ---- other programs: husk itself ---- */

/* With its answer on `fd` of the child, into a pipe that is returned. */
static pid_t start_husk(char *const *words, int fd, int *ret_pipe)
{
	char *argv[WORDS_MAX + 4] = { "husk", "--root", root, NULL };
	size_t count = root ? 3 : 1;
	int pipes[2];
	pid_t pid;

	for (size_t i = 0; words[i] && count < ARRAY_SIZE(argv) - 1; i++)
		argv[count++] = words[i];
	if (pipe2(pipes, O_CLOEXEC) < 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		int null = open("/dev/null", O_RDWR | O_CLOEXEC);
		(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
		for (int i = 0; i <= 2; i++)
			(void)dup2(i == fd ? pipes[1] : null, i);
		execv(runtime, argv);
		_exit(127);
	}
	(void)close(pipes[1]);
	*ret_pipe = pipes[0];
	return pid;
}

/* Runs a command to its end; false with its message where it failed. */
static bool run_husk(char *const *words, char message[MESSAGE_MAX])
{
	size_t len = 0;
	ssize_t n;
	int out = -1, status = 0;
	pid_t pid = start_husk(words, STDERR_FILENO, &out);

	if (pid < 0) {
		(void)snprintf(message, MESSAGE_MAX, "cannot start husk: %s", strerror(errno));
		return false;
	}
	while (len < MESSAGE_MAX - 1 && (n = read(out, message + len, MESSAGE_MAX - 1 - len)) > 0)
		len += (size_t)n;
	message[len] = '\0';
	message[strcspn(message, "\n")] = '\0';
	(void)close(out);
	(void)waitpid(pid, &status, 0);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* ---- what husk stats says ---- */

static double number(yajl_val object, const char *outer, const char *inner)
{
	const char *path[] = { outer, inner, NULL };
	yajl_val value = yajl_tree_get(object, path, yajl_t_number);

	return value ? YAJL_GET_DOUBLE(value) : 0;
}

static struct container *find_or_add(struct view *view, const char *id)
{
	for (size_t i = 0; i < view->count; i++)
		if (strcmp(view->items[i].id, id) == 0)
			return &view->items[i];
	if (view->count == view->size) {
		size_t size = view->size ? 2 * view->size : 64;
		struct container *items = realloc(view->items, size * sizeof(*items));
		if (!items)
			return NULL;
		view->items = items;
		view->size = size;
	}
	view->items[view->count] = (struct container){ 0 };
	(void)snprintf(view->items[view->count].id, ID_MAX, "%s", id);
	return &view->items[view->count++];
}

static void push(struct series *series, double point)
{
	if (series->count == HISTORY)
		memmove(series->points, series->points + 1, sizeof(*series->points) * --series->count);
	series->points[series->count++] = (float)point;
}

static void take(struct view *view, yajl_val object)
{
	const char *id_path[] = { "id", NULL }, *status_path[] = { "status", NULL };
	const char *id = YAJL_GET_STRING(yajl_tree_get(object, id_path, yajl_t_string));
	const char *status = YAJL_GET_STRING(yajl_tree_get(object, status_path, yajl_t_string));
	struct container *c = id ? find_or_add(view, id) : NULL;
	double io = number(object, "io", "readBytes") + number(object, "io", "writtenBytes");

	if (!c)
		return;
	(void)snprintf(c->status, sizeof(c->status), "%s", status ? status : "");
	c->io_rate = c->series[SERIES_IO].count && io > c->io_bytes ? io - c->io_bytes : 0;
	c->io_bytes = io;
	c->cpu = number(object, "cpu", "percent");
	c->memory = number(object, "memory", "usage");
	c->memory_limit = number(object, "memory", "limit");
	c->memory_percent = number(object, "memory", "percent");
	c->pids = number(object, "pids", "current");
	c->cpu_pressure = number(object, "cpu", "pressure");
	c->memory_pressure = number(object, "memory", "pressure");
	c->io_pressure = number(object, "io", "pressure");
	push(&c->series[SERIES_CPU], c->cpu);
	push(&c->series[SERIES_MEMORY], c->memory_percent);
	push(&c->series[SERIES_IO], c->io_rate);
	push(&c->series[SERIES_PRESSURE], c->cpu_pressure + c->memory_pressure + c->io_pressure);
	c->seen = true;
}

static void forget_the_gone(struct view *view)
{
	size_t kept = 0;

	for (size_t i = 0; i < view->count; i++)
		if (view->items[i].seen)
			view->items[kept++] = view->items[i];
	view->count = kept;
}

static void take_line(struct view *view, const char *line)
{
	char words[128];
	yajl_val all = yajl_tree_parse(line, words, sizeof(words));

	if (!all || !YAJL_IS_ARRAY(all)) {
		yajl_tree_free(all);
		return;
	}
	for (size_t i = 0; i < view->count; i++)
		view->items[i].seen = false;
	for (size_t i = 0; i < YAJL_GET_ARRAY(all)->len; i++)
		take(view, YAJL_GET_ARRAY(all)->values[i]);
	forget_the_gone(view);
	yajl_tree_free(all);
}

/* ---- order ---- */

static int by_name(const void *left, const void *right)
{
	return strcmp(((const struct container *)left)->id, ((const struct container *)right)->id);
}

#define MORE_FIRST(member)                                                                                             \
	static int by_##member(const void *left, const void *right)                                                    \
	{                                                                                                              \
		const struct container *a = left, *b = right;                                                          \
		return a->member < b->member ? 1 : a->member > b->member ? -1 : by_name(left, right);                  \
	}
MORE_FIRST(cpu)
MORE_FIRST(memory)
MORE_FIRST(io_rate)
MORE_FIRST(pids)

static const struct {
	int key;
	const char *title;
	int (*compare)(const void *, const void *);
} sorts[] = {
	{ 'c', "CPU", by_cpu },
	{ 'm', "memory", by_memory },
	{ 'i', "IO", by_io_rate },
	{ 'p', "processes", by_pids },
	{ 'n', "name", by_name },
};

/* The selection stays on its container, wherever that goes. */
static void sort(struct view *view)
{
	if (view->count)
		qsort(view->items, view->count, sizeof(*view->items), sorts[view->sort].compare);
	for (size_t i = 0; i < view->count; i++)
		if (strcmp(view->items[i].id, view->selected_id) == 0)
			view->selected = i;
	if (view->selected >= view->count)
		view->selected = view->count ? view->count - 1 : 0;
}

static void select_row(struct view *view, size_t row)
{
	view->selected = row;
	if (row < view->count)
		memcpy(view->selected_id, view->items[row].id, ID_MAX);
}

/* ---- drawing ---- */

static const char *size_text(double bytes, char text[16])
{
	static const char units[] = "BKMGTP";
	size_t unit = 0;

	for (; bytes >= 1024 && unit < sizeof(units) - 2; unit++)
		bytes /= 1024;
	(void)snprintf(text, 16, "%.*f%c", unit && bytes < 10 ? 1 : 0, bytes, units[unit]);
	return text;
}

static const char *bar_text(double percent, char text[BAR + 1])
{
	int full = (int)(percent * BAR / 100 + 0.5);

	full = full < 0 ? 0 : full > BAR ? BAR : full;
	memset(text, '.', BAR);
	memset(text, '|', (size_t)full);
	text[BAR] = '\0';
	return text;
}

/* Eight heights, of the largest point or of `least` where all are below it. */
static void draw_series(const struct view *view, const struct series *series, double least, int width)
{
	static const char *const blocks[] = { " ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
	static const char *const letters[] = { " ", ".", ".", ":", ":", "+", "+", "#", "#" };
	size_t shown = width < 0 ? 0 : (size_t)width;
	size_t from = series->count > shown ? series->count - shown : 0;
	double top = least;

	for (size_t i = from; i < series->count; i++)
		if (series->points[i] > top)
			top = series->points[i];
	for (size_t i = from; i < series->count; i++) {
		int level = (int)(series->points[i] / top * 8 + 0.5);
		level = level < 0 ? 0 : level > 8 ? 8 : level;
		(void)addstr(view->unicode ? blocks[level] : letters[level]);
	}
}

static void draw_head(const struct view *view)
{
	double cpu = 0, memory = 0;
	char text[16];

	for (size_t i = 0; i < view->count; i++) {
		cpu += view->items[i].cpu;
		memory += view->items[i].memory;
	}
	(void)mvprintw(0, 0, "husk: %zu containers, CPU %.0f%%, memory %s, by %s", view->count, cpu,
		size_text(memory, text), sorts[view->sort].title);
	(void)attron(A_REVERSE);
	(void)mvprintw(1, 0, "%-*.*s", COLS, COLS,
		"ID               STATUS    CPU%            MEMORY             IO/s  PIDS WAITS%");
	(void)attroff(A_REVERSE);
}

/* Cut, not wrapped, where the screen is narrow. */
static void draw_row(const struct view *view, size_t index, int row)
{
	const struct container *c = &view->items[index];
	char line[160], memory[16], io[16], cpu_bar[BAR + 1], memory_bar[BAR + 1];

	(void)snprintf(line, sizeof(line), "%-16.16s %-8.8s %5.1f %s %6s %s %6s %5.0f %5.1f%%", c->id, c->status,
		c->cpu, bar_text(c->cpu, cpu_bar), size_text(c->memory, memory),
		bar_text(c->memory_percent, memory_bar), size_text(c->io_rate, io), c->pids,
		c->cpu_pressure + c->memory_pressure + c->io_pressure);
	if (index == view->selected)
		(void)attron(A_BOLD | A_REVERSE);
	(void)mvaddnstr(row, 0, line, COLS);
	(void)attroff(A_BOLD | A_REVERSE);
}

static void draw_panel(const struct view *view, int row)
{
	static const struct {
		const char *title;
		double least;
	} lines[] = {
		[SERIES_CPU] = { "CPU", 100 },
		[SERIES_MEMORY] = { "memory", 100 },
		[SERIES_IO] = { "IO", 4096 },
		[SERIES_PRESSURE] = { "pressure", 10 },
	};
	const struct container *c;

	if (view->selected >= view->count)
		return;
	c = &view->items[view->selected];
	(void)mvprintw(row, 0, "%.*s: pressure CPU %.1f%%, memory %.1f%%, IO %.1f%%", COLS - 50 > 16 ? COLS - 50 : 16,
		c->id, c->cpu_pressure, c->memory_pressure, c->io_pressure);
	for (int i = 0; i < SERIES_COUNT; i++) {
		(void)mvprintw(row + 1 + i, 0, "%-9s", lines[i].title);
		draw_series(view, &c->series[i], lines[i].least, COLS - 10);
	}
}

static void draw(struct view *view)
{
	int rows = LINES - 2 - PANEL_ROWS;
	size_t shown = rows < 1 ? 1 : (size_t)rows;

	if (view->selected < view->first)
		view->first = view->selected;
	if (view->selected >= view->first + shown)
		view->first = view->selected - shown + 1;
	(void)erase();
	draw_head(view);
	for (size_t i = 0; i < shown && view->first + i < view->count; i++)
		draw_row(view, view->first + i, 2 + (int)i);
	draw_panel(view, LINES - PANEL_ROWS + 1);
	(void)mvprintw(LINES - 1, 0, "%.*s", COLS - 1,
		*view->message ? view->message
			       : "c m i p n: sort  up down: select  K kill  P pause  R resume  U update  q: quit");
	(void)refresh();
}

/* ---- actions ---- */

static bool confirm(const struct view *view, const char *verb)
{
	int key;

	(void)move(LINES - 1, 0);
	(void)clrtoeol();
	(void)printw("%s %s? (y/n)", verb, view->selected_id);
	(void)refresh();
	timeout(-1);
	key = getch();
	timeout(0);
	return key == 'y' || key == 'Y';
}

static void act(struct view *view, char *const *words)
{
	char id[ID_MAX];

	memcpy(id, view->selected_id, ID_MAX);
	if (run_husk(words, view->message))
		(void)snprintf(view->message, MESSAGE_MAX, "%s %.200s: done", words[0], id);
}

static void simple(struct view *view, const char *command, const char *last)
{
	char verb[16], id[ID_MAX], signal[8];
	char *words[] = { verb, id, *last ? signal : NULL, NULL };

	(void)snprintf(verb, sizeof(verb), "%s", command);
	(void)snprintf(signal, sizeof(signal), "%s", last);
	memcpy(id, view->selected_id, ID_MAX);
	if (confirm(view, command))
		act(view, words);
}

/* The options of husk update, as they would be typed. */
static void update(struct view *view)
{
	char verb[] = "update", line[256] = "", id[ID_MAX], *save = NULL;
	char *words[WORDS_MAX] = { verb };
	size_t count = 1;

	(void)move(LINES - 1, 0);
	(void)clrtoeol();
	(void)printw("update %.20s with (as --memory 512m): ", view->selected_id);
	(void)echo();
	(void)curs_set(1);
	timeout(-1);
	(void)getnstr(line, sizeof(line) - 1);
	timeout(0);
	(void)curs_set(0);
	(void)noecho();
	memcpy(id, view->selected_id, ID_MAX);
	for (char *word = strtok_r(line, " ", &save); word && count < WORDS_MAX - 2; word = strtok_r(NULL, " ", &save))
		words[count++] = word;
	if (count == 1)
		return;
	words[count] = id;
	if (confirm(view, "update"))
		act(view, words);
}

/* False: to quit. */
static bool press(struct view *view, int key)
{
	view->message[0] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(sorts); i++)
		if (sorts[i].key == key)
			view->sort = (int)i;
	if (key == 'q' || key == 'Q')
		return false;
	if (view->count && (key == KEY_DOWN || key == 'j') && view->selected + 1 < view->count)
		select_row(view, view->selected + 1);
	if (view->count && (key == KEY_UP || key == 'k') && view->selected > 0)
		select_row(view, view->selected - 1);
	if (view->count && !*view->selected_id)
		select_row(view, view->selected);
	if (view->count && key == 'K')
		simple(view, "kill", "KILL");
	if (view->count && key == 'P')
		simple(view, "pause", "");
	if (view->count && key == 'R')
		simple(view, "resume", "");
	if (view->count && key == 'U')
		update(view);
	return true;
}

/* ---- the loop ---- */

static void on_signal(int signal)
{
	ended_by = signal;
}

/* Whole lines of what has come; the rest stays for the next time. */
static bool read_lines(int fd, struct view *view, char **text, size_t *len, size_t *size)
{
	char *end;
	ssize_t n;

	if (*size - *len < 65536) {
		char *more = realloc(*text, *size + (1 << 20));
		if (!more)
			return false;
		*text = more;
		*size += 1 << 20;
	}
	n = read(fd, *text + *len, *size - *len - 1);
	if (n <= 0)
		return false;
	*len += (size_t)n;
	(*text)[*len] = '\0';
	while ((end = strchr(*text, '\n'))) {
		*end = '\0';
		take_line(view, *text);
		*len -= (size_t)(end + 1 - *text);
		memmove(*text, end + 1, *len + 1);
	}
	return true;
}

static int loop(struct view *view, int stats)
{
	struct pollfd wait[] = { { .fd = STDIN_FILENO, .events = POLLIN }, { .fd = stats, .events = POLLIN } };
	size_t len = 0, size = 0;
	char *text = NULL;
	bool going = true;
	int key;

	while (going && !ended_by) {
		sort(view);
		if (view->count && !*view->selected_id)
			select_row(view, 0);
		draw(view);
		if (poll(wait, ARRAY_SIZE(wait), -1) < 0 && errno != EINTR)
			break;
		if (wait[1].revents && !read_lines(stats, view, &text, &len, &size))
			break;
		if (wait[0].revents & (POLLHUP | POLLERR))
			break;
		while (going && (key = getch()) != ERR)
			going = press(view, key);
	}
	free(text);
	return ended_by ? 128 + ended_by : going ? 1 : 0;
}

int main(int argc, char **argv)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	static char *stats_words[] = { "stats", "--all", "--stream", "--format", "json", "--interval", "1s", NULL };
	static struct view view;
	int stats = -1, status;
	pid_t pid;

	if (argc < 2) {
		(void)fprintf(stderr, "husk-top: husk top runs this program; it is not to be run by hand\n");
		return 1;
	}
	(void)snprintf(runtime, sizeof(runtime), "%s/husk-runtime", argv[1]);
	root = argv[2]; /* or NULL */
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
		(void)fprintf(stderr, "husk: top needs a terminal; try husk stats\n");
		return 1;
	}
	(void)setlocale(LC_ALL, "");
	view.unicode = strstr(setlocale(LC_CTYPE, NULL), "UTF-8") || strstr(setlocale(LC_CTYPE, NULL), "utf8");
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		(void)sigaction(signals[i], &(struct sigaction){ .sa_handler = on_signal }, NULL);
	pid = start_husk(stats_words, STDOUT_FILENO, &stats);
	if (pid < 0 || !initscr()) {
		(void)fprintf(stderr, "husk: top: %s\n", strerror(errno));
		return 1;
	}
	(void)atexit((void (*)(void))endwin);
	(void)cbreak();
	(void)noecho();
	(void)curs_set(0);
	(void)keypad(stdscr, TRUE);
	timeout(0);
	status = loop(&view, stats);
	(void)endwin();
	(void)kill(pid, SIGTERM);
	(void)waitpid(pid, NULL, 0);
	free(view.items);
	return status;
}
