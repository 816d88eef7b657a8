// Draws the page of a list that the server sends.
export default {
  template: `
    <div class="fm-table-area">
      <p v-if="!rows.length" class="fm-hint fm-none">{{ none }}</p>
      <table v-else class="fm-table" role="table" :aria-label="label">
        <thead role="rowgroup"><tr role="row">
          <th v-for="column in columns" :key="column.name" scope="col" role="columnheader" :class="'fm-' + column.align">{{ column.label }}</th>
        </tr></thead>
        <tbody role="rowgroup">
          <tr v-for="row in rows" :key="row.key" :data-key="row.key" role="row">
            <td v-for="column in columns" :key="column.name" role="cell" :class="'fm-' + column.align" :data-label="column.label">
              <template v-for="cell in [row.cells[column.name] || { kind: 'text', text: '–' }]">
                <a v-if="cell.kind === 'link'" class="fm-link" :href="cell.href">{{ cell.text }}</a>
                <fm-id v-else-if="cell.kind === 'id'" :value="cell.text" :href="cell.href" :copy="words.copy" :copied="words.copied"></fm-id>
                <fm-time v-else-if="cell.kind === 'time'" :at="cell.at" :lang="lang"></fm-time>
                <span v-else-if="cell.kind === 'badge'" class="fm-badge" :class="'fm-' + cell.tone"><template v-for="(part, at) in cell.text.split('.')"><template v-if="at">.<wbr></template>{{ part }}</template></span>
                <span v-else-if="cell.kind === 'buttons'" class="fm-row-buttons">
                  <button v-for="one in cell.buttons" :key="one.name" type="button" class="fm-button fm-small"
                          @click="$emit('button', { name: one.name, key: row.key })">{{ one.text }}</button>
                </span>
                <template v-else>{{ cell.text }}</template>
              </template>
            </td>
          </tr>
        </tbody>
      </table>
      <nav v-if="!first || !last" class="fm-pager" :aria-label="words.pages">
        <button type="button" class="fm-button fm-small" :disabled="first" @click="$emit('turn', 'previous')">{{ words.previous }}</button>
        <span class="fm-hint" role="status">{{ range }}</span>
        <button type="button" class="fm-button fm-small" :disabled="last" @click="$emit('turn', 'next')">{{ words.next }}</button>
      </nav>
    </div>`,
  props: {
    label: String, columns: Array, rows: Array, none: String, words: Object, lang: String,
    first: { type: Boolean, default: true }, last: { type: Boolean, default: true }, start: { type: Number, default: 0 }, total: Number,
  },
  computed: {
    range() {
      const number = (value) => value.toLocaleString(this.lang);
      const text = this.total == null ? this.words.range : this.words.range_of;
      return text.replace("{from}", number(this.start + 1)).replace("{to}", number(this.start + this.rows.length))
        .replace("{total}", number(this.total ?? 0));
    },
  },
};
