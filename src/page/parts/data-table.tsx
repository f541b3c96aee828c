import { NativeSelect, UnstyledButton } from '@mantine/core';
import { useMediaQuery } from '@mantine/hooks';
import { useWindowVirtualizer } from '@tanstack/react-virtual';
import { useLayoutEffect, useRef, useState } from 'react';
import type { ReactNode } from 'react';
import classes from './data-table.module.css';
import { SortIcon } from './icons.js';
import type { Sorting, SortValue } from './sorting.js';

/** A column of a table. */
export interface Column<Row> {
  readonly key: string;
  readonly header: string;
  /** CSS grid track, such as `2fr`. */
  readonly width: string;
  readonly cell: (row: Row) => ReactNode;
  readonly sortValue: (row: Row) => SortValue;
}

/** On a phone each row is a card. Below this there is no room for columns. */
const PHONE = '(max-width: 56em)';
const ROW_HEIGHT = 53;
const CARD_HEIGHT = 190;
const CARD_GAP = 12;
const MORE_AROUND = 8;

interface Properties<Row> {
  /** What the table shows, for who cannot see it. */
  readonly label: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly rowKey: (row: Row) => string;
  readonly sorting: Sorting;
  readonly onSort: (sorting: Sorting) => void;
}

/**
 * A table that can be long: only the rows around what is seen are in the document, and it says how many there are. The
 * first column names the row.
 */
export function DataTable<Row>({ label, columns, rows, rowKey, sorting, onSort }: Properties<Row>): ReactNode {
  const isPhone = useMediaQuery(PHONE, undefined, { getInitialValueInEffect: false });
  const body = useRef<HTMLTableSectionElement>(null);
  const [scrollMargin, setScrollMargin] = useState(0);
  useLayoutEffect(() => {
    const top = (body.current?.getBoundingClientRect().top ?? 0) + window.scrollY;
    // What stands above may grow (a banner): measured again with each change, and settled when it is the same.
    setScrollMargin((known) => (Math.abs(known - top) < 1 ? known : top));
  });
  const virtual = useWindowVirtualizer({
    count: rows.length,
    estimateSize: () => (isPhone ? CARD_HEIGHT : ROW_HEIGHT),
    getItemKey: (index) => {
      const row = rows[index];
      return row === undefined ? index : rowKey(row);
    },
    overscan: MORE_AROUND,
    gap: isPhone ? CARD_GAP : 0,
    scrollMargin,
  });
  useLayoutEffect(() => virtual.measure(), [virtual, isPhone]);
  const tracks = isPhone ? {} : { gridTemplateColumns: columns.map(({ width }) => `minmax(0, ${width})`).join(' ') };

  return (
    <div className={classes['frame']}>
      {isPhone && <SortChoice columns={columns} sorting={sorting} onSort={onSort} />}
      <table role="table" aria-label={label} aria-rowcount={rows.length + 1} className={classes['table']}>
        <thead role="rowgroup" className={classes['head']}>
          <tr role="row" aria-rowindex={1} className={classes['row']} style={tracks}>
            {columns.map((column) => (
              <SortHeader key={column.key} column={column} sorting={sorting} onSort={onSort} />
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup" ref={body} className={classes['body']} style={{ height: virtual.getTotalSize() }}>
          {virtual.getVirtualItems().map(({ index, key, start }) => {
            const row = rows[index];
            return (
              row !== undefined && (
                <tr
                  key={String(key)}
                  role="row"
                  aria-rowindex={index + 2}
                  data-index={index}
                  ref={virtual.measureElement}
                  className={classes['row']}
                  style={{ ...tracks, transform: `translateY(${start - scrollMargin}px)` }}
                >
                  {columns.map(({ key: column, header, cell }, at) => (
                    <td key={column} role={at === 0 ? 'rowheader' : 'cell'} data-label={header}>
                      {cell(row)}
                    </td>
                  ))}
                </tr>
              )
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

function SortHeader<Row>({
  column: { key, header },
  sorting,
  onSort,
}: Pick<Properties<Row>, 'sorting' | 'onSort'> & { readonly column: Column<Row> }): ReactNode {
  const isBy = sorting.by === key;
  const order = isBy ? (sorting.descending ? 'descending' : 'ascending') : 'none';
  return (
    <th role="columnheader" scope="col" aria-sort={order}>
      <UnstyledButton
        className={classes['sort']}
        onClick={() => onSort({ by: key, descending: isBy && !sorting.descending })}
      >
        {header}
        <SortIcon order={order} />
      </UnstyledButton>
    </th>
  );
}

/** Cards have no headers to click. */
function SortChoice<Row>({
  columns,
  sorting,
  onSort,
}: Pick<Properties<Row>, 'columns' | 'sorting' | 'onSort'>): ReactNode {
  return (
    <NativeSelect
      label="Sort by"
      mb="sm"
      value={`${sorting.descending ? '-' : ''}${sorting.by}`}
      onChange={({ currentTarget: { value } }) =>
        onSort({ by: value.replace(/^-/, ''), descending: value.startsWith('-') })
      }
      data={columns.flatMap(({ key, header }) => [
        { value: key, label: header },
        { value: `-${key}`, label: `${header}, the other way` },
      ])}
    />
  );
}
